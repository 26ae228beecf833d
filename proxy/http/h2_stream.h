// One HTTP/2 stream as its connection and its consumer share it: what was received and waits to be
// read, what waits to be sent, and how it ended. Outlives the connection while a body or a task
// holds it; then `session` is null. One worker thread. The session writes it; bodies, sinks and
// exchanges read it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "proxy/base/bytes.h"
#include "proxy/base/duration.h"
#include "proxy/base/result.h"
#include "proxy/http/h1_fields.h"
#include "proxy/http/message.h"
#include "proxy/runtime/cancel.h"
#include "proxy/runtime/frame_pool.h"

namespace outrigger::http {

class H2Session;

// Bytes queued for sending on one stream above which its producer waits.
constexpr std::size_t kH2SendHigh = 64 * 1024;

// Told when the end of a request was handed to the kernel. Must only take note.
class H2SentObserver {
 public:
  virtual void on_end_sent() = 0;

 protected:
  ~H2SentObserver() = default;
};

struct H2Stream {
  // From the thread's frame pool: streams come and go with the frames of their exchange.
  static void* operator new(std::size_t bytes) { return FramePool::take(bytes); }
  static void operator delete(void* memory, std::size_t bytes) noexcept {
    FramePool::give(memory, bytes);
  }

  H2Session* session = nullptr;  // null: closed, nothing can be sent or received any more
  std::int32_t id = 0;
  std::size_t index = 0;          // in the session's table
  Origin peer = Origin::kClient;  // who gets the blame
  TimePoint opened_at;

  // ---- received ----
  RequestHead request;  // server: valid once the stream is announced
  std::optional<Refusal>
      refusal;  // server: the head is to be refused; client: the answer is unusable
  std::vector<ResponseHead> interims;  // client: in order, before the final head
  ResponseHead response;               // client: the final head, once head_done
  SliceQueue in;
  std::unique_ptr<Headers> trailers;
  std::uint8_t interim_heads = 0;  // client: how many came
  bool head_done = false;          // the (final) head was received
  bool in_ended = false;           // END_STREAM was received
  bool discard = false;            // nobody will read `in`: credit what comes and drop it
  bool reset_by_peer = false;
  bool reset_by_us = false;      // on purpose, not for an error of the peer
  std::optional<Error> failure;  // the stream broke; what is in `in` may be read first

  // ---- to be sent ----
  SliceQueue out;
  std::unique_ptr<Headers> out_trailers;
  bool out_ended = false;    // END_STREAM goes with the last of `out` (or with the trailers)
  bool answering = false;    // server: the final head was submitted
  bool head_framed = false;  // our HEADERS (the final ones) are in the output
  bool end_framed = false;   // our END_STREAM is in the output
  bool head_sent = false;    // ... and both were handed to the kernel
  bool end_sent = false;
  std::uint64_t out_bytes = 0;  // DATA bytes framed so far: progress for the stall timer
  TimePoint head_sent_at;
  std::uint64_t written_before = 0;  // bytes the connection had written when our HEADERS left

  // ---- waiting ----
  H2SentObserver* sent_observer = nullptr;
  Signal readable;               // something above changed for the reader
  Signal writable;               // room in `out`, or the end was sent
  CancelScope* scope = nullptr;  // server: of the exchange, cancelled when the client resets
  bool opened = false;           // server: announced, its task is not spawned yet
  bool in_ready = false;         // in the session's ready list
  bool in_dirty = false;         // in the session's list of streams to compact
  bool deferred = false;         // nghttp2 waits for resume_data
  std::uint32_t owners = 0;      // H2StreamPtrs
};

// Shared ownership on one thread: its count is not atomic, for it changes dozens of times an
// exchange.
class H2StreamPtr {
 public:
  H2StreamPtr() = default;
  explicit H2StreamPtr(H2Stream* stream) noexcept : stream_(stream) {
    if (stream_ != nullptr) ++stream_->owners;
  }
  H2StreamPtr(const H2StreamPtr& other) noexcept : H2StreamPtr(other.stream_) {}
  H2StreamPtr(H2StreamPtr&& other) noexcept : stream_(std::exchange(other.stream_, nullptr)) {}
  H2StreamPtr& operator=(H2StreamPtr other) noexcept {
    std::swap(stream_, other.stream_);
    return *this;
  }
  ~H2StreamPtr() {
    if (stream_ != nullptr && --stream_->owners == 0) delete stream_;
  }
  [[nodiscard]] H2Stream* get() const noexcept { return stream_; }
  [[nodiscard]] H2Stream& operator*() const noexcept { return *stream_; }
  [[nodiscard]] H2Stream* operator->() const noexcept { return stream_; }
  bool operator==(std::nullptr_t) const noexcept { return stream_ == nullptr; }

 private:
  H2Stream* stream_ = nullptr;
};

// Merges small slices, and copies those that keep a much larger block alive, so that a waiting
// queue costs at most a few times its bytes (architecture 10).
void compact(SliceQueue& queue);

}  // namespace outrigger::http
