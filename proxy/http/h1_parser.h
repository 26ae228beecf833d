// HTTP/1 request and response heads: sans-IO, strict (architecture 9), one pass. A parser belongs
// to its connection and is used again for each message on it. Framing is decided apart, in
// h1_framing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/bytes.h"
#include "proxy/http/h1_fields.h"
#include "proxy/http/message.h"

namespace outrigger::http {

class RequestParser {
 public:
  explicit RequestParser(HeadLimits limits) noexcept : limits_(limits), fields_(limits) {}

  // `bytes` is everything since the message began, at least as long as at the last call; it may
  // have moved. Goes on where it stopped. After kComplete or kRefused it answers the same until
  // take(). One leading CRLF is tolerated (RFC 9112 2.2).
  Progress parse(std::string_view bytes);
  // A byte other than of the tolerated leading CRLF was seen: the peer has begun a request.
  [[nodiscard]] bool started() const noexcept { return started_; }
  // After kComplete: bytes of the head, with the leading CRLF and the blank line.
  [[nodiscard]] std::size_t size() const noexcept { return fields_.end(); }
  // After kRefused: 400, 414, 431, 501 or 505. The connection must close; the rest is never parsed.
  [[nodiscard]] const Refusal& refusal() const noexcept { return refusal_; }
  // After kComplete, once. `head` is the first size() bytes, or a copy of them; the returned views
  // point into it and its Headers keep it. Ready for the next message afterwards. `authority` is
  // the target's, else Host; `protocol` is requested_upgrade() of an HTTP/1.1 request.
  [[nodiscard]] RequestHead take(Slice head);

 private:
  using Step = LineStep;
  enum class State : std::uint8_t { kStart, kMethod, kTarget, kVersion, kFields, kDone, kRefused };
  Step skip_empty_line(std::string_view bytes);
  Step parse_request_line(std::string_view bytes);
  Step parse_version(std::string_view bytes);
  bool end_target(std::string_view bytes);
  bool end_absolute_target(std::string_view target);
  bool check_fields(std::string_view bytes);
  bool check_host(std::string_view bytes);
  bool check_connection(std::string_view bytes);
  Step refuse(const Refusal& refusal) noexcept;
  void reset() noexcept;

  HeadLimits limits_;
  State state_ = State::kStart;
  bool started_ = false;
  Method method_ = Method::kGet;
  TargetForm form_ = TargetForm::kOrigin;
  Version version_ = Version::kHttp11;
  std::size_t line_ = 0;      // offset where the request line begins
  std::size_t position_ = 0;  // offset of the first byte not yet looked at
  TextPart method_text_, scheme_, authority_, target_;
  std::string last_host_;  // the last valid Host of the connection: nearly always the next, too
  FieldParser fields_;
  Refusal refusal_;
};

class ResponseParser {
 public:
  explicit ResponseParser(HeadLimits limits) noexcept : limits_(limits), fields_(limits) {}

  // As RequestParser::parse, but nothing may precede the status line. Any status from 100 to 999
  // passes (RFC 9110 15: clients treat those above 599 as 5xx).
  Progress parse(std::string_view bytes);
  [[nodiscard]] bool started() const noexcept { return started_; }
  [[nodiscard]] std::size_t size() const noexcept { return fields_.end(); }
  // After kRefused: always 502. The upstream connection must be dropped.
  [[nodiscard]] const Refusal& refusal() const noexcept { return refusal_; }
  [[nodiscard]] ResponseHead take(Slice head);

 private:
  using Step = LineStep;
  enum class State : std::uint8_t {
    kStatus,
    kReasonStart,
    kReason,
    kReasonLf,
    kFields,
    kDone,
    kRefused
  };
  Step parse_status_line(std::string_view bytes);
  Step parse_status(std::string_view bytes);
  Step refuse(std::string_view code, std::string_view detail) noexcept;

  HeadLimits limits_;
  State state_ = State::kStatus;
  bool started_ = false;
  Version version_ = Version::kHttp11;
  int status_ = 0;
  std::size_t position_ = 0;
  TextPart reason_;
  FieldParser fields_;
  Refusal refusal_;
};

}  // namespace outrigger::http
