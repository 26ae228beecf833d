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
  if (judge_.exchange().wants_usage) note_usage(piece.view());
  co_return piece;
}

// The last element says what was used, near its end: so much of the text is kept.
void ArrayBody::note_usage(std::string_view piece) {
  constexpr std::size_t kKept = 4096;
  constexpr std::string_view kName = "\"usageMetadata\"";
  tail_ += piece;
  if (tail_.size() > 2 * kKept) tail_.erase(0, tail_.size() - kKept);
  const std::size_t at = piece.empty() ? tail_.rfind(kName) : std::string::npos;
  if (at != std::string::npos) judge_.note_usage("{" + tail_.substr(at));
}

}  // namespace outrigger::filters
