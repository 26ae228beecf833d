// classify: judges every attempt, so that nobody else looks at a status. Reads what must be read
// for that: errors, the first events of a stream, whole JSON answers; and gives it back unchanged.
// Stands around what runs once per attempt. (resilience 3 items 1, 2, 4)
#pragma once

#include <memory>

#include "filters/classify/answer_kind.h"
#include "filters/classify/attempt_judge.h"
#include "filters/classify/classifier.h"
#include "filters/classify/watched_body.h"
#include "filters/filter.h"
#include "proxy/base/wall_clock.h"

namespace outrigger::filters {

class Classify final : public Filter {
 public:
  // Both outlive the filter.
  Classify(const config::Policies& policies, WallClock& clock)
      : policies_(policies), classifier_(policies), clock_(clock) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "classify"; }
  // Returns the attempt's failure unchanged, and an answer with all its bytes, whatever the
  // verdict. An answer that breaks off while it is held is an error of phase kAnswered, and so is
  // one that ends without its end (`stream_truncated`, `http_response_incomplete`).
  Task<Result<http::Response>> handle(Exchange& exchange, Next next) override;

 private:
  using Outcome = Task<Result<http::Response>>;
  // `kind`: what the answer is once it is no suspect any more.
  Outcome judge_suspect(AttemptJudge judge, http::Response response, AnswerKind kind,
                        CancelScope& scope) const;
  Outcome judge_events(AttemptJudge judge, http::Response response, CancelScope& scope) const;
  // `body` is what the answer's body became.
  Outcome judge_whole(AttemptJudge judge, http::Response response,
                      std::unique_ptr<WatchedBody> body, CancelScope& scope) const;

  const config::Policies& policies_;
  Classifier classifier_;
  WallClock& clock_;
};

}  // namespace outrigger::filters
