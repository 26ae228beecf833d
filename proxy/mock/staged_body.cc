#include "proxy/mock/staged_body.h"

#include <utility>

namespace outrigger::mock {
namespace {

// A reset overtakes what an HTTP/2 connection has queued: what was sent before it may leave first.
constexpr Duration kFlight = 20ms;

}  // namespace

Task<Result<Slice>> StagedBody::read(CancelScope& scope) {
  if (next_ < pieces_.size()) {
    Piece& piece = pieces_[next_++];
    if (piece.before > Duration{0}) CO_TRY(co_await SleepFor(loop_, scope, piece.before));
    co_return Slice::copy(std::exchange(piece.bytes, {}));
  }
  if (end_ == End::kProper) co_return Slice{};
  if (end_ == End::kStall) {
    Signal never;
    CO_TRY(co_await never.wait(scope));
  }
  CO_TRY(co_await SleepFor(loop_, scope, kFlight));
  if (end_ == End::kAbort) abort_();
  co_return fail(Errc::kClosed, Origin::kProxy, "mock_fault", "the fault ends the answer here");
}

}  // namespace outrigger::mock
