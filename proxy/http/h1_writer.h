// Writes one HTTP/1 message, either direction: the head, then the body by its framing. What is
// ready is gathered into one system call; what is not is never waited for with bytes in hand.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/base/buffer.h"
#include "proxy/base/result.h"
#include "proxy/http/body.h"
#include "proxy/http/h1_framing.h"
#include "proxy/net/stream.h"
#include "proxy/runtime/cancel.h"
#include "proxy/runtime/task.h"

namespace outrigger::http {

struct Written {
  Status status;             // an error: the message on the wire is incomplete
  bool body_failed = false;  // the error came from the body, not from the stream
  std::uint64_t body_bytes = 0;
  std::uint32_t chunks = 0;
  std::optional<TimePoint> first_byte;  // when the head was handed to the kernel
};

// A message that is all in memory: the usual case, mostly written without a coroutine.
struct WholeMessage {
  std::array<std::string_view, 2> pieces;  // head and body, cut by what was written
  Written written;
};
// Nothing when the body is produced piece by piece. The views are those of `head` and `body`.
std::optional<WholeMessage> whole_message(std::string_view head, const BodyFraming& framing,
                                          const Body& body) noexcept;
// One system call at most; true when nothing is left to do, be it for an error.
[[nodiscard]] bool write_at_once(Stream& stream, WholeMessage& message);
// What write_at_once left; the outcome is in `message`.
Task<void> write_rest(Stream& stream, WholeMessage& message, CancelScope& scope,
                      std::optional<Duration> stall);

// Any message. `head` is a serialised head, whose memory is given back once it is written: a stream
// may live for long. It and `body` outlive the task. `stall` bounds the time in which the peer
// takes no byte.
Task<Written> write_message(Stream& stream, Buffer& head, BodyFraming framing, Body& body,
                            CancelScope& scope, std::optional<Duration> stall);

}  // namespace outrigger::http
