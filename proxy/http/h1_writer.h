// Writes one HTTP/1 message, either direction: the head, then the body by its framing. What is ready is
// gathered into one system call; what is not is never waited for with bytes in hand.
#pragma once

#include <cstdint>
#include <optional>

#include "proxy/base/result.h"
#include "proxy/http/body.h"
#include "proxy/http/h1_framing.h"
#include "proxy/net/stream.h"
#include "proxy/runtime/cancel.h"
#include "proxy/runtime/task.h"

namespace outrigger::http {

struct Written {
  Status status;                 // an error: the message on the wire is incomplete
  bool body_failed = false;      // the error came from the body, not from the stream
  std::uint64_t body_bytes = 0;
  std::uint32_t chunks = 0;
  std::optional<TimePoint> first_byte;  // when the head was handed to the kernel
};

// `head` is a serialised head; it and `body` outlive the task. `stall` bounds the time in which the peer
// takes no byte.
Task<Written> write_message(Stream& stream, std::string_view head, BodyFraming framing, Body& body,
                            CancelScope& scope, std::optional<Duration> stall);

}  // namespace outrigger::http
