#include "proxy/http/h2_body.h"

#include <utility>

#include "proxy/http/h2_session.h"

namespace outrigger::http {
namespace {

bool reached(const H2Stream& stream, H2Until until) noexcept {
  if (until == H2Until::kEndSent) return stream.end_sent;
  if (stream.session == nullptr) return false;
  if (until == H2Until::kFramed) return stream.head_framed && stream.out.empty();
  return stream.out.bytes() < kH2SendHigh;
}

// Nothing will change any more: closed, and (for the end) not on its way to the kernel either.
bool hopeless(const H2Stream& stream, H2Until until) noexcept {
  return stream.session == nullptr && (until == H2Until::kRoom || !stream.end_framed);
}

std::unexpected<Error> broken(const H2Stream& stream) {
  if (stream.failure) return std::unexpected(*stream.failure);
  return fail(Errc::kClosed, stream.peer, "connection_terminated", "the HTTP/2 stream is closed");
}

}  // namespace

H2BodySource::~H2BodySource() {
  H2Session::abandon(*stream_);
}

bool H2BodySource::ready() const noexcept {
  return !stream_->in.empty() || stream_->in_ended || stream_->failure.has_value();
}

Task<Result<Slice>> H2BodySource::read(CancelScope& scope) {
  while (!ready()) CO_TRY(co_await wait(scope));
  if (!stream_->in.empty()) {
    Slice bytes = H2Session::take(*stream_);
    bytes_ += bytes.size();
    taken_ += bytes.size();
    co_return bytes;
  }
  if (stream_->in_ended) co_return Slice{};
  co_return std::unexpected(*stream_->failure);
}

Task<Status> H2BodySource::wait(CancelScope& scope) {
  // Once we answer, the client may have nothing to say for long: bidirectional calls.
  if (pace_.bytes_per_second == 0 || stream_->head_framed) {
    co_return co_await stream_->readable.wait(scope);
  }
  const TimePoint start = loop_.now();
  CancelScope timed(scope);
  DeadlineTimer timer(loop_, timed);
  timer.start(pace_.window - waited_, {Errc::kTimeout, stream_->peer, "body_too_slow"});
  Status woken = co_await stream_->readable.wait(timed);
  waited_ += loop_.now() - start;
  if (woken || scope.cancelled() || too_slow()) co_return woken;
  waited_ = Duration{0};
  bytes_ = 0;
  co_return Status{};
}

// At the end of a window of waiting.
bool H2BodySource::too_slow() const noexcept {
  const double seconds = std::chrono::duration<double>(pace_.window).count();
  return static_cast<double>(bytes_) < static_cast<double>(pace_.bytes_per_second) * seconds;
}

Task<Status> h2_wait(H2Stream& stream, H2Until until, Dispatcher& loop, CancelScope& scope,
                     std::optional<Duration> stall) {
  while (!reached(stream, until)) {
    if (hopeless(stream, until)) co_return broken(stream);
    const std::uint64_t before = stream.out_bytes;
    CancelScope timed(scope);
    DeadlineTimer timer(loop, timed);
    if (stall) timer.start(*stall, {Errc::kTimeout, stream.peer, "connection_write_timeout"});
    Status woken = co_await stream.writable.wait(timed);
    // A byte was framed meanwhile: the peer is slow, not stuck.
    const bool moved = timed.cancelled() && !scope.cancelled() && stream.out_bytes != before;
    if (!woken && !moved) co_return woken;
  }
  co_return Status{};
}

Task<H2Sent> h2_send_body(H2Stream& stream, Body& body, Dispatcher& loop, CancelScope& scope,
                          std::optional<Duration> stall) {
  H2Sent sent;
  while (!body.ended()) {
    Result<Slice> bytes = co_await body.read(scope);
    if (!bytes) {
      sent.status = std::unexpected(std::move(bytes).error());
      co_return sent;
    }
    if (bytes->empty()) break;
    sent.bytes += bytes->size();
    ++sent.chunks;
    if (stream.session != nullptr) stream.session->send(stream, std::move(*bytes));
    if (reached(stream, H2Until::kRoom)) continue;
    sent.status = co_await h2_wait(stream, H2Until::kRoom, loop, scope, stall);
    if (!sent.status) co_return sent;
  }
  if (stream.session != nullptr) stream.session->end(stream, body.trailers());
  co_return sent;
}

H2Tunnel::~H2Tunnel() {
  H2Session::abandon(*stream_);
  const bool ended = stream_->in_ended && stream_->out_ended;
  if (stream_->session != nullptr && !ended) stream_->session->reset(*stream_, NGHTTP2_CANCEL);
}

Task<Result<Slice>> H2Tunnel::read(CancelScope& scope) {
  for (;;) {
    if (!stream_->in.empty()) co_return H2Session::take(*stream_);
    if (stream_->in_ended) co_return Slice{};
    if (stream_->failure) co_return std::unexpected(*stream_->failure);
    CO_TRY(co_await stream_->readable.wait(scope));
  }
}

Task<Status> H2Tunnel::write(Slice bytes, CancelScope& scope) {
  if (stream_->session != nullptr) stream_->session->send(*stream_, std::move(bytes));
  co_return co_await h2_wait(*stream_, H2Until::kRoom, loop_, scope, std::nullopt);
}

Task<Status> H2Tunnel::finish(CancelScope&) {
  if (stream_->session != nullptr) stream_->session->end(*stream_);
  co_return Status{};
}

}  // namespace outrigger::http
