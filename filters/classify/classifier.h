// Turns the outcome of one attempt into one verdict, by the ordered rules of its route; what no
// rule names is judged by its status, or by its failure and phase. Pure; one per route, used by all
// exchanges at once. (resilience 3 item 4, llm 2.4)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/policies.h"
#include "proxy/base/duration.h"
#include "proxy/base/result.h"
#include "proxy/base/verdict.h"
#include "proxy/http/headers.h"

namespace outrigger::filters {

// What is known of an attempt. Views are borrowed for the call.
struct Evidence {
  int status = 0;                          // 0: no response head came
  const http::Headers* headers = nullptr;  // of the response; nullptr without one
  std::string_view body;                   // decoded, or the data of an error event; may be cut
  bool body_complete = false;              // `body` is all of it
  bool in_stream = false;                  // `body` is an error event after a 200
  std::string_view event_type;             // of that event
  const Error* failure = nullptr;          // no whole answer: what went wrong, with its phase
  std::string_view defect;                 // a 2xx that is none: "truncated", "invalid_json",
                                           // "wrong_content_type", "empty_body"; else empty
};

struct Judgement {
  Verdict verdict = Verdict::kOk;
  int rule = -1;                 // index in the route's rules; -1: a built-in rule
  std::string_view because;      // a literal for people: which built-in rule; empty for `rule`
  std::string error;             // the provider's error code or type, as it stands in the answer
  std::string message;           // the provider's message, cut to 200 bytes
  std::optional<Duration> hint;  // when to come back, by the rule or the server; unclamped
  std::string_view hint_from;    // where that stands, a literal: "retry-after", "the rule", ...
  config::Scope scope = config::Scope::kDefault;
  // The server's word that the call should, or should not, be repeated (x-should-retry,
  // stripe-should-retry, a gRPC push-back). It makes a client_error transient; all else is for the
  // retry filter.
  std::optional<bool> upstream_says_retry;
};

class Classifier {
 public:
  // `policies` outlives the classifier.
  explicit Classifier(const config::Policies& policies);

  // `wall_seconds`: seconds since 1970 UTC, for hints that are dates.
  [[nodiscard]] Judgement judge(const Evidence& evidence, double wall_seconds) const;

  // Whether an answer with this head must be read and judged before it passes: every error, and a
  // success that a rule may call none. False: it is ok, and passes untouched.
  [[nodiscard]] bool wants_body(int status, const http::Headers& headers) const;

 private:
  const config::Policies& policies_;
  bool doubts_success_ = false;  // some rule names a status below 400
};

}  // namespace outrigger::filters
