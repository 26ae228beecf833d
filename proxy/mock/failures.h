// How each provider says that something went wrong: error bodies and the headers with them, and the
// error inside a stream that has begun (llm 2.3, 2.4). Pure.
#pragma once

#include <optional>
#include <string>

#include "proxy/base/duration.h"
#include "proxy/mock/answer.h"
#include "proxy/mock/call.h"
#include "proxy/mock/identity.h"

namespace outrigger::mock {

struct Failure {
  int status = 500;
  std::string code;     // in the provider's words; empty: what goes with the status
  std::string message;  // empty: one that fits

  std::string retry_after;
  std::optional<Duration> retry_after_ms, retry_after_date;
  std::string param = {};  // that the error names; OpenAI alone has it
};

// The whole answer. Gemini puts the hint into its RetryInfo; all others into header fields.
Answer error_answer(const Call& call, const Failure& failure, Identity& identity);

// The error inside a stream of the call's form. `failure.code` as in an answer.
std::string error_event(const Call& call, const Failure& failure, Identity& identity);

}  // namespace outrigger::mock
