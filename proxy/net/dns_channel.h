// c-ares on a worker's loop: its sockets and timeouts, and nothing of caching or policy. Opens
// c-ares, which reads /etc/resolv.conf, at the first query, and again when that file has changed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/duration.h"
#include "proxy/net/address.h"
#include "proxy/runtime/event_loop.h"

struct ares_channeldata;
struct ares_addrinfo;

namespace outrigger {

// What one query for one family brought.
struct DnsReply {
  enum class Outcome : std::uint8_t { kAddresses, kAbsent, kTimeout, kFailed };
  Outcome outcome = Outcome::kFailed;
  std::vector<SocketAddress> addresses;  // ports 0
  Duration ttl{0};                       // the least of all records of the answer
  std::string detail;                    // why there is no address
};

class DnsChannel final : private Timer {
 public:
  struct Settings {
    std::vector<std::string> servers;
    Duration timeout = 2s;
    int tries = 3;
  };
  using Done = std::function<void(DnsReply)>;

  DnsChannel(EventLoop& loop, Settings settings);
  ~DnsChannel();

  // Asks for the addresses of one family (AF_INET or AF_INET6). What the hosts file says, or an
  // immediate failure, is returned; otherwise `done` is called once, from the loop, unless the
  // channel goes first. `done` may destroy the channel.
  std::optional<DnsReply> query(const std::string& host, int family, Done done);
  [[nodiscard]] std::size_t queries() const noexcept { return queries_; }

 private:
  class Socket;
  struct Pending;
  struct Finished {
    Done done;
    DnsReply reply;
  };
  struct FileState {
    dev_t device = 0;
    ino_t inode = 0;
    std::time_t changed = 0;
    off_t size = 0;
    bool operator==(const FileState&) const = default;
  };

  // Empty on success, else why c-ares could not start.
  std::string open();
  void shut();
  void service(int fd);
  void schedule();
  void deliver();
  void on_fire() override;
  static FileState resolv_conf() noexcept;
  static void on_socket(void* self, int fd, int readable, int writable);
  static void on_answer(void* pending, int status, int timeouts, ares_addrinfo* answer);

  EventLoop& loop_;
  Settings settings_;
  ares_channeldata* channel_ = nullptr;
  FileState opened_with_;
  std::size_t queries_ = 0;
  std::map<int, std::unique_ptr<Socket>> sockets_;
  std::vector<std::unique_ptr<Socket>>
      closed_;  // dropped when no callback of theirs can be running
  std::vector<Finished> finished_;
  std::shared_ptr<DnsChannel*> self_;  // told when the channel is destroyed
};

}  // namespace outrigger
