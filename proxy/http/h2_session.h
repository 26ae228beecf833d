// One HTTP/2 connection without I/O, of either role: bytes in, stream state and bytes out. Wraps an
// nghttp2_session; its callbacks only record, so no coroutine ever runs inside nghttp2. Received
// bytes earn flow-control credit when they are consumed, not before. Owned by its connection; one
// worker thread.
#pragma once

#include <nghttp2/nghttp2.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/bytes.h"
#include "proxy/base/duration.h"
#include "proxy/base/result.h"
#include "proxy/http/h2_abuse.h"
#include "proxy/http/h2_headers.h"
#include "proxy/http/h2_stream.h"

namespace outrigger::http {

enum class H2Role : std::uint8_t { kServer, kClient };

struct H2SessionSettings {
  H2Role role = H2Role::kServer;
  std::uint32_t streams = 100;                        // server: that the client may have open
  std::int32_t stream_window = 256 * 1024;            // most that one unread stream holds
  std::int32_t connection_window = 16 * 1024 * 1024;  // most that all unread streams hold together
  HeadLimits head;
  H2AbuseLimits abuse;
};

// True for a reset that answers what the peer did on the stream, not a wish of ours.
bool h2_provoked(std::uint32_t code) noexcept;

// Bytes for the wire: frame heads and small payloads side by side in `bytes`, larger payloads as
// slices.
class H2Output {
 public:
  void clear() noexcept;
  void add(std::string_view bytes) { bytes_.append(bytes); }
  void add(Slice payload);
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size() + sliced_; }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  // What to write, in order; valid until the next change. The caller may use the views up.
  [[nodiscard]] std::vector<std::string_view>& pieces();

 private:
  struct Piece {
    std::size_t bytes_before;  // of bytes_
    Slice payload;
  };
  std::string bytes_;
  std::size_t sliced_ = 0;
  std::vector<Piece> slices_;
  std::vector<std::string_view> views_;
};

// Told that a session has frames to send or streams whose waiters are to be woken. Must only take
// note.
class H2SessionObserver {
 public:
  virtual void on_change() = 0;

 protected:
  ~H2SessionObserver() = default;
};

class H2Session {
 public:
  // Queues the preface and SETTINGS.
  explicit H2Session(const H2SessionSettings& settings);
  ~H2Session();
  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;

  void observe(H2SessionObserver* observer) noexcept { observer_ = observer; }

  // Takes received bytes, all of them. An error ends the connection: gather() once more, write that
  // (a GOAWAY says why), then close.
  Status feed(const Slice& bytes, TimePoint now);
  // Appends frames that may be sent now, about `limit` bytes of them.
  Status gather(H2Output& output, std::size_t limit, TimePoint now);
  // The bytes of the last gather() were handed to the kernel.
  void written();
  [[nodiscard]] bool wants_write() const noexcept;
  // Nothing more will be read or written: close.
  [[nodiscard]] bool finished() const noexcept;

  // Streams whose state changed since they were last taken out of here; the owner empties it and
  // wakes their waiters. A server's new streams are among them, marked `opened`.
  [[nodiscard]] std::vector<H2StreamPtr>& ready() noexcept { return ready_; }
  void mark_ready(H2Stream& stream);
  // Copies what still waits in queues out of large blocks. Call when a turn is over.
  void settle();

  // ---- sending ----
  // Client: opens a stream. With `end`, the request has no body.
  enum class Body : std::uint8_t { kNone, kFollows };
  Result<H2StreamPtr> request(const RequestHead& head, std::string_view scheme, Body body);
  // Server: interim and final heads.
  Status interim(H2Stream& stream, const ResponseHead& head);
  Status respond(H2Stream& stream, const ResponseHead& head, Body body);
  // Either: queues payload, or its end with optional trailers. No-ops on a closed stream.
  void send(H2Stream& stream, Slice payload);
  void end(H2Stream& stream, const Headers* trailers = nullptr);
  void reset(H2Stream& stream, std::uint32_t code);
  // Resets the stream because its consumer cannot go on: it fails with this error.
  void cancel(H2Stream& stream, Error error);

  // ---- receiving ----
  // Takes the first waiting slice and gives its credit back. Works on a closed stream too.
  [[nodiscard]] static Slice take(H2Stream& stream);
  // Nobody will read the rest of this stream.
  static void abandon(H2Stream& stream);

  // ---- the connection ----
  void ping();
  // Server: "no new streams soon" (RFC 9113 6.8), then, with the second call, the final GOAWAY.
  void announce_shutdown();
  void refuse_new_streams();
  // GOAWAY with an error, after which nothing is read.
  void terminate(std::uint32_t code);
  // The connection is gone: every stream fails with this error.
  void abort(const Error& error);

  [[nodiscard]] std::size_t live() const noexcept { return streams_.size(); }
  [[nodiscard]] const std::vector<H2StreamPtr>& streams() const noexcept { return streams_; }
  [[nodiscard]] bool settings_acked() const noexcept { return settings_acked_; }
  [[nodiscard]] bool settings_received() const noexcept { return settings_received_; }
  [[nodiscard]] bool head_open() const noexcept { return head_open_; }
  [[nodiscard]] bool goaway_received() const noexcept { return goaway_received_; }
  [[nodiscard]] std::uint32_t pings_waiting() const noexcept { return pings_; }
  [[nodiscard]] bool terminated() const noexcept { return terminated_; }
  // Client: no further request can start.
  [[nodiscard]] bool closing() const noexcept;
  // Client: a request would be sent at once.
  [[nodiscard]] bool can_request() const noexcept;
  // The peer takes extended CONNECT (RFC 8441 3).
  [[nodiscard]] bool connect_protocol() const noexcept;
  // Why the session ended, for a person; empty while it is fine.
  [[nodiscard]] const std::string& complaint() const noexcept { return complaint_; }
  // Streams whose HEADERS or END_STREAM are in the last gather().
  [[nodiscard]] const std::vector<H2StreamPtr>& sent_streams() const noexcept { return sent_; }

 private:
  struct Callbacks;  // h2_callbacks.cc
  static void install(nghttp2_session_callbacks* callbacks);
  static nghttp2_data_provider payload_of(H2Stream& stream) noexcept;
  H2StreamPtr open(std::int32_t id);
  void close(H2Stream& stream, std::uint32_t code);
  void fail(H2Stream& stream, Error error);
  [[nodiscard]] Error reset_error(const H2Stream& stream, std::uint32_t code) const;
  void on_stream_frame(H2Stream& stream, const nghttp2_frame& frame);
  void on_stream_framed(H2Stream& stream, const nghttp2_frame& frame);
  void on_request_head(H2Stream& stream);
  void on_response_head(H2Stream& stream);
  void on_trailers(H2Stream& stream);
  [[nodiscard]] bool judge(std::string_view abuse);
  void mark_dirty(H2Stream& stream);
  void resume(H2Stream& stream);
  void consumed(H2Stream& stream, std::size_t n);
  int frame_payload(H2Stream& stream, std::string_view frame_head, std::size_t length);
  [[nodiscard]] std::unexpected<Error> broken() const;
  void submit_settings();

  void changed() {
    if (observer_ != nullptr) observer_->on_change();
  }

  H2SessionSettings settings_;
  Origin peer_;
  H2SessionObserver* observer_ = nullptr;
  nghttp2_session* session_ = nullptr;
  H2AbuseMeter abuse_;
  H2HeadBuilder builder_;
  H2Fields fields_;
  std::vector<H2StreamPtr> streams_;
  std::vector<H2StreamPtr> ready_;
  std::vector<H2StreamPtr> dirty_;
  std::vector<H2StreamPtr> sent_;
  TimePoint now_;
  const Slice* feeding_ = nullptr;  // the block that received views point into
  H2Output* gathering_ = nullptr;
  std::size_t limit_ = 0;  // of the gather() under way
  std::string complaint_;
  std::string_view abuse_found_;
  std::uint32_t pings_ = 0;
  bool terminated_ = false;
  bool aborted_ = false;
  bool settings_acked_ = false;
  bool settings_received_ = false;
  bool head_open_ = false;
  bool goaway_received_ = false;
};

}  // namespace outrigger::http
