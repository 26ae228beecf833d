// The verdict of one attempt on its way into the exchange: asks the classifier, writes the
// attempt's record and tells whoever waits for the end. A value that a body takes along; the
// exchange and the filter outlive it.
#pragma once

#include <cstddef>

#include "filters/classify/classifier.h"
#include "filters/classify/usage.h"
#include "filters/exchange.h"
#include "proxy/base/wall_clock.h"

namespace outrigger::filters {

class AttemptJudge {
 public:
  AttemptJudge(Exchange& exchange, std::size_t attempt, const Classifier& classifier,
               WallClock& clock) noexcept
      : exchange_(&exchange), attempt_(attempt), classifier_(&classifier), clock_(&clock) {}

  // Writes down what the classifier says. The first verdict stands once it is concluded.
  Verdict judge(const Evidence& evidence);
  // The same of an attempt, or the rest of one, that failed.
  Verdict judge_failure(const Error& error, int status);
  // Writes down what is wrong with an attempt that was judged by its answer.
  void note_failure(const Error& error);
  // Ends the attempt with the verdict that it has.
  void conclude() { exchange_->conclude(attempt_, record().verdict); }
  // So far so good: what a stream is at its head.
  void pass();
  void pass_and_conclude() {
    pass();
    conclude();
  }
  // Nobody waited for the end; nothing where there was one.
  void abandon() noexcept;
  // The text of an answer, or of an event of it, which may tell of tokens.
  void note_usage(std::string_view json) {
    if (exchange_->wants_usage) read_usage(json, record().usage);
  }
  // The first event of a stream is here, or the head of another answer.
  void note_answered(TimePoint when) noexcept { record().answered = when; }

  [[nodiscard]] Attempt& record() const noexcept { return exchange_->attempts[attempt_]; }
  [[nodiscard]] Exchange& exchange() const noexcept { return *exchange_; }

 private:
  Exchange* exchange_;
  std::size_t attempt_;
  const Classifier* classifier_;
  WallClock* clock_;
};

}  // namespace outrigger::filters
