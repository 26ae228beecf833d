#include "filters/classify/attempt_judge.h"

namespace outrigger::filters {

Verdict AttemptJudge::judge(const Evidence& evidence) {
  Attempt& attempt = record();
  if (attempt.concluded) return attempt.verdict;
  const auto micros = static_cast<double>(clock_->micros(exchange_->loop.now()));
  const Judgement judgement = classifier_->judge(evidence, micros / 1e6);
  attempt.verdict = judgement.verdict;
  attempt.judged = true;
  attempt.scope = judgement.scope;
  attempt.hint = judgement.hint;
  attempt.error = {};
  if (!judgement.error.empty()) {
    attempt.error = exchange_->request.head.headers.intern(judgement.error);
  }
  return attempt.verdict;
}

void AttemptJudge::note_failure(const Error& error) {
  Attempt& attempt = record();
  if (attempt.concluded) return;
  attempt.failed = true;
  attempt.code = error.code;
  attempt.phase = error.phase;
  attempt.reason = error.reason;
}

Verdict AttemptJudge::judge_failure(const Error& error, int status) {
  note_failure(error);
  Evidence evidence;
  evidence.status = status;
  evidence.failure = &error;
  return judge(evidence);
}

void AttemptJudge::pass() {
  Attempt& attempt = record();
  if (attempt.concluded) return;
  attempt.verdict = Verdict::kOk;
  attempt.judged = true;
}

void AttemptJudge::abandon() noexcept {
  if (!record().concluded) exchange_->conclude(attempt_, Verdict::kCancelled);
}

}  // namespace outrigger::filters
