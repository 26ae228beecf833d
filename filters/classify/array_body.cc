#include "filters/classify/array_body.h"

namespace outrigger::filters {

Task<Result<Slice>> ArrayBody::read(CancelScope& scope) {
  CO_TRY(const Slice piece, co_await inner_.read(scope));
  if (piece.empty() && !checker_.finish()) {
    co_return std::unexpected(Error{Errc::kClosed, Origin::kUpstream, Phase::kAnswered,
                                    "http_response_incomplete",
                                    "the array of the answer lacks its end"});
  }
  checker_.feed(piece.view());
  co_return piece;
}

}  // namespace outrigger::filters
