#include "proxy/http/h1_body.h"

#include <utility>

namespace outrigger::http {

using Kind = BodyFraming::Kind;

void H1BodyReader::begin(const BodyFraming& framing, std::optional<MinimumPace> pace) {
  framing_ = framing;
  remaining_ = framing.kind == Kind::kLength ? framing.length : 0;
  complete_ = framing.kind == Kind::kNone || (framing.kind == Kind::kLength && remaining_ == 0);
  ended_ = refused_ = false;
  staged_ = {};
  pace_ = pace;
  waited_ = Duration{0};
  received_ = 0;
  if (framing.kind != Kind::kChunked) return;
  decoder_ = ChunkedDecoder(limits_);
  decode();
}

std::optional<Slice> H1BodyReader::take_whole() {
  if (framing_.kind != Kind::kLength || input_.size() < remaining_) return std::nullopt;
  return take_counted();
}

Slice H1BodyReader::take_counted() {
  Slice part = input_;
  if (part.size() > remaining_) {
    part.truncate(static_cast<std::size_t>(remaining_));
    input_.remove_prefix(part.size());
  } else {
    input_ = {};
  }
  remaining_ -= part.size();
  complete_ = remaining_ == 0;
  return part;
}

// Decodes up to the next piece of data, the end, or the end of the input.
void H1BodyReader::decode() {
  if (!staged_.empty() || complete_ || refused_) return;
  std::string_view rest = input_.view();
  std::string_view data;
  const ChunkedDecoder::Event event = decoder_.next(rest, data);
  if (event == ChunkedDecoder::Event::kData) staged_ = input_.sub(data);
  input_.remove_prefix(input_.size() - rest.size());
  if (input_.empty()) input_ = {};
  if (event == ChunkedDecoder::Event::kRefused) refused_ = true;
  if (event == ChunkedDecoder::Event::kEnd) complete_ = true;
}

bool H1BodyReader::ready() const noexcept {
  switch (framing_.kind) {
    case Kind::kNone:
      return true;
    case Kind::kLength:
      return complete_ || !input_.empty();
    case Kind::kChunked:
      return complete_ || refused_ || !staged_.empty();
    case Kind::kUntilClose:
      return complete_ || !input_.empty();
  }
  return true;
}

bool H1BodyReader::needs_input() const noexcept {
  if (complete_ || refused_) return false;
  return framing_.kind == Kind::kChunked ? staged_.empty() : input_.empty() && !ended_;
}

Task<Result<Slice>> H1BodyReader::read(CancelScope& scope) {
  Duration waited{0};
  while (needs_input()) {
    if (scope.why()) co_return std::unexpected(scope.why()->error());
    Result<Slice> bytes = stream_.take();
    if (!bytes) co_return bytes;
    if (bytes->empty() && !stream_.ended()) {
      const TimePoint before = stream_.event_loop().now();
      std::optional<Duration> patience;
      if (pace_) patience = pace_->window;
      CO_TRY(co_await stream_.wait_readable(scope, patience));
      waited += stream_.event_loop().now() - before;
      continue;
    }
    CO_TRY(accept(std::move(*bytes), std::exchange(waited, Duration{0})));
  }
  co_return hand_out();
}

// What is there of the body; nothing at its end.
Result<Slice> H1BodyReader::hand_out() {
  switch (framing_.kind) {
    case Kind::kNone:
      return Slice{};
    case Kind::kLength:
      return take_counted();
    case Kind::kUntilClose:
      complete_ = ended_;
      return std::exchange(input_, {});
    case Kind::kChunked:
      break;
  }
  if (refused_ && staged_.empty()) {
    return fail(
        Errc::kProtocol, sender_,
        sender_ == Origin::kUpstream ? "http_response_transfer_coding" : "http_request_error",
        std::string(decoder_.refusal().detail));
  }
  Slice data = std::exchange(staged_, {});
  decode();
  return data;
}

// Takes what was received into the empty input; empty bytes are the peer's end.
Status H1BodyReader::accept(Slice bytes, Duration waited) {
  if (bytes.empty()) {
    ended_ = true;
    if (framing_.kind == Kind::kUntilClose) return {};
    return fail(Errc::kClosed, sender_,
                sender_ == Origin::kUpstream ? "http_response_incomplete" : "client_gone",
                "the connection closed before the end of the body");
  }
  const std::size_t size = bytes.size();
  input_ = std::move(bytes);
  if (framing_.kind == Kind::kChunked) decode();
  return pace_ ? check_pace(waited, size) : Status{};
}

Status H1BodyReader::check_pace(Duration waited, std::size_t bytes) {
  waited_ += waited;
  received_ += bytes;
  if (waited_ < pace_->window) return {};
  const double seconds = std::chrono::duration<double>(waited_).count();
  if (static_cast<double>(received_) < static_cast<double>(pace_->bytes_per_second) * seconds) {
    return fail(Errc::kTimeout, sender_, "body_too_slow",
                "the body arrives below the minimum rate");
  }
  waited_ = Duration{0};
  received_ = 0;
  return {};
}

}  // namespace outrigger::http
