// One HTTP/2 connection of a test peer, client or server, on nghttp2. A thread of its own moves
// frames; every member below may be called from any thread and waits, at most until its deadline.
#pragma once

#include <nghttp2/nghttp2.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/support/channel.h"
#include "tests/support/message.h"

namespace outrigger::test {

struct H2Options {
  std::uint32_t stream_window = 1 << 20;
  std::uint32_t connection_window = 4 << 20;
  std::uint32_t max_concurrent_streams = 1000;
};

class H2Peer {
 public:
  enum class Role { kClient, kServer };
  using StreamId = std::int32_t;
  // `on_head` (server) hears of each new request, on the connection's thread; it must not wait.
  H2Peer(Channel channel, Role role, H2Options options, std::function<void(StreamId)> on_head = {});
  ~H2Peer();

  // Client: opens a stream. `head` begins with the pseudo-fields. End: no body follows.
  enum class End { kNo, kYes };
  StreamId open(const Fields& head, End end);
  // Server: the final head, or with a 1xx :status an interim one.
  void send_head(StreamId id, const Fields& head, End end);
  void send_interim(StreamId id, const Fields& head);

  // Waits until the bytes left for the kernel; false when the stream or connection ended before.
  bool send(StreamId id, std::string_view bytes, Deadline deadline = Deadline());
  // Queues the bytes and returns how many of the stream left before `quiet` passed without any
  // leaving.
  std::size_t send_until_blocked(StreamId id, std::string_view bytes, Milliseconds quiet);
  void finish(StreamId id, const Fields& trailers = {});
  void reset(StreamId id, std::uint32_t code);
  void goaway(StreamId last, std::uint32_t code);
  void ping();

  // What came for a stream.
  struct Incoming {
    Fields head;  // with pseudo-fields
    std::vector<Fields> interim;
    Fields trailers;
    bool head_seen = false;
    bool ended = false;                  // END_STREAM
    std::optional<std::uint32_t> reset;  // RST_STREAM by the peer
    bool closed = false;                 // the stream, or the connection under it
  };
  Incoming peek(StreamId id);
  // Waits for the final head; false when the stream ended without or the deadline passed.
  bool wait_head(StreamId id, Deadline deadline = Deadline());
  bool wait_interim(StreamId id, std::size_t count, Deadline deadline = Deadline());
  // The next body bytes, giving their flow-control window back; empty at the end, whatever its
  // kind, and when the deadline passed.
  std::string read_some(StreamId id, Deadline deadline = Deadline());
  bool wait_reset(StreamId id, Deadline deadline = Deadline());
  bool wait_closed(Deadline deadline = Deadline());

  struct Goaway {
    StreamId last = 0;
    std::uint32_t code = 0;
  };
  std::optional<Goaway> goaway_received();
  std::string failure();  // why the connection ended, if it broke
  // Ends the connection without ceremony; wakes all who wait.
  void abort();

 private:
  struct Stream {
    Incoming in;
    std::string inbox;
    std::string outbox;
    std::size_t outbox_used = 0;  // of its front: already sent
    std::size_t sent = 0;
    bool finished = false;
    Fields out_trailers;
  };
  struct Callbacks;
  static bool all_sent(const Stream& stream) { return stream.outbox_used == stream.outbox.size(); }
  void take_block(StreamId id);
  void run();
  bool flush();
  bool receive();
  void wait_readable_or_woken();
  void wake() const;
  void end_all();
  template <class Done>
  bool wait(std::unique_lock<std::mutex>& lock, Deadline deadline, Done done) {
    return changed_.wait_until(lock, deadline.at(), [&] { return done() || ended_; }) && done();
  }

  Channel channel_;
  const Role role_;
  std::function<void(StreamId)> on_head_;
  std::mutex mutex_;
  std::condition_variable changed_;
  nghttp2_session* session_ = nullptr;
  std::map<StreamId, Stream> streams_;
  Fields block_;  // the header block being received
  std::vector<StreamId> new_heads_;
  std::string output_;  // frames on their way to the channel
  std::optional<Goaway> goaway_;
  std::string failure_;
  bool ended_ = false;
  bool stop_ = false;
  int wake_fd_ = -1;
  std::thread thread_;
};

}  // namespace outrigger::test
