#include "filters/classify/watched_body.h"

#include <utility>

#include "filters/classify/answer_check.h"

namespace outrigger::filters {

Task<Result<WatchedBody::Held>> WatchedBody::hold(std::uint64_t bytes, CancelScope& scope) {
  while (!ended_ && held_.bytes() <= bytes) {
    Result<Slice> piece = co_await rest_.read(scope);
    if (!piece) {
      failure_ = std::move(piece).error();
      if (failure_->phase < Phase::kAnswered) failure_->phase = Phase::kAnswered;
      co_return std::unexpected(*failure_);
    }
    ended_ = piece->empty();
    held_.push(std::move(*piece));
  }
  co_return ended_ ? Held::kAll : Held::kPart;
}

Task<Result<Slice>> WatchedBody::read(CancelScope& scope) {
  if (!held_.empty()) {
    Slice piece = held_.pop();
    passed(piece.size());
    co_return piece;
  }
  Result<Slice> piece = Slice{};
  if (failure_) {
    piece = std::unexpected(*failure_);
  } else if (!ended_) {
    piece = co_await rest_.read(scope);
  }
  if (!piece) {
    judge_.judge_failure(piece.error(), status_);
    judge_.conclude();
  } else if (piece->empty()) {
    end();
  } else {
    passed(piece->size());
  }
  co_return piece;
}

void WatchedBody::passed(std::uint64_t bytes) {
  passed_ += bytes;
  if (ends_ == Ends::kPlain && rest_.length() && passed_ >= *rest_.length()) end();
}

std::optional<Slice> WatchedBody::take_whole() {
  if (!ended_ || failure_ || !judge_.record().concluded || rest_.trailers() != nullptr) {
    return std::nullopt;
  }
  Slice whole = joined(held_);
  held_.clear();
  return whole;
}

void WatchedBody::end() {
  if (ends_ == Ends::kGrpc) return end_grpc();
  judge_.pass_and_conclude();
}

// The status is in the trailers (gRPC over HTTP/2). An answer without one lacks its end.
void WatchedBody::end_grpc() {
  const http::Headers* trailers = rest_.trailers();
  Evidence evidence;
  evidence.status = status_;
  http::Headers judged;
  if (trailers == nullptr || trailers->find("grpc-status") == nullptr) {
    evidence.defect = "truncated";
  } else {
    judged = *trailers;
    judged.add_view(http::HeaderId::kContentType, "content-type", "application/grpc");
    evidence.headers = &judged;
  }
  judge_.judge(evidence);
  judge_.conclude();
}

}  // namespace outrigger::filters
