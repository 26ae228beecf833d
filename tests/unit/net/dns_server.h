// A DNS server on the test's own loop, over UDP and TCP, that says what the test tells it to.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/net/net_test.h"

namespace outrigger::test {

struct DnsRecord {
  std::string address;  // IPv4 or IPv6: the record's type
  std::uint32_t ttl = 60;
};

struct DnsScript {
  enum class Kind { kAnswer, kNoSuchName, kServerFailure, kSilence };
  Kind kind = Kind::kAnswer;
  std::vector<DnsRecord> records;
  bool truncate_udp = false;  // the answer is to be had over TCP only
};

class DnsServer final : private FdWatch {
 public:
  explicit DnsServer(EventLoop& loop);
  ~DnsServer() { unwatch(); }

  // Script of one name and family ("A", "AAAA"); a name without one does not exist.
  void set(const std::string& name, const std::string& type, DnsScript script) {
    scripts_[name + "/" + type] = std::move(script);
  }
  void set(const std::string& name, DnsScript script) {
    set(name, "A", script);
    set(name, "AAAA", std::move(script));
  }
  [[nodiscard]] std::string address() const { return address_.to_string(); }
  // Queries seen, as "name/type", in order; TCP ones end in "/tcp".
  std::vector<std::string> seen;

 private:
  enum class Transport { kUdp, kTcp };
  void on_ready(Ready) override;
  // The answer to a query, or nothing.
  std::string answer(std::string_view query, Transport transport);
  Task<void> serve(std::shared_ptr<Stream> stream);

  Fd udp_;
  SocketAddress address_;
  std::unique_ptr<Listener> tcp_;
  CancelScope scope_;
  TaskGroup connections_;
  std::map<std::string, DnsScript> scripts_;
};

}  // namespace outrigger::test
