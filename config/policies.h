// The policies that mean the same at every level: defaults, profiles, upstreams, routes (DESIGN 4).
// A block is named after its filter. An absent optional is `none`: the policy is not in force.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/base/duration.h"
#include "proxy/base/verdict.h"

namespace outrigger::config {

using ByteCount = std::uint64_t;

// ---- attempt_timers ----

// The least that a stream must bring: catches a trickle that no timer between two events sees.
struct Progress {
  std::uint32_t events = 5;
  Duration per = 60s;
  bool operator==(const Progress&) const = default;
};

struct Timeouts {
  std::optional<Duration> connect = 5s;
  std::optional<Duration> tls = 5s;
  std::optional<Duration> headers = 10min;  // request fully sent to response head
  // Of a stream: request fully sent to the first event that says something; long prompts get
  // first_event_per_mib more for each MiB of the request.
  std::optional<Duration> first_event;
  std::optional<Duration> first_event_per_mib;
  std::optional<Duration> gap = 5min;  // between bytes of a body, either direction
  std::optional<Progress> progress;    // of a stream, after its first event
  std::optional<Duration> total;  // never applied to streams (text/event-stream, gRPC, upgrades)
  bool operator==(const Timeouts&) const = default;
};

// ---- classify ----

struct StatusRange {  // "429", "5xx", "500-599"
  std::uint16_t first = 0, last = 0;
  [[nodiscard]] bool contains(int status) const noexcept {
    return status >= first && status <= last;
  }
  bool operator==(const StatusRange&) const = default;
};

// `header: {x-ratelimit-remaining: "0"}`; the value "*" is any. Values compare without case.
struct HeaderMatch {
  std::string name;  // lower case
  std::string value;
  bool operator==(const HeaderMatch&) const = default;
};

// `json: {/temperature: 0}`, `{/total: {at_least: 1}}`, `{/message: {contains: quota}}`,
// `{/id: "*"}` (there, whatever it is).
struct JsonMatch {
  enum class Test : std::uint8_t { kEquals, kAtLeast, kAtMost, kContains, kPresent };
  std::string pointer;  // RFC 6901; a part "*" is every element of a list
  Test test = Test::kEquals;
  // Of kEquals (a number, true, false and null as written) and kContains (any case).
  std::string text = {};
  double number = 0;  // kAtLeast, kAtMost
  bool operator==(const JsonMatch&) const = default;
};

// What a verdict says something of: the breaker and the cooldown that it moves.
enum class Scope : std::uint8_t { kDefault, kModel, kCredential, kEndpoint };

// When a quota comes back, unless the provider names a later time.
enum class Until : std::uint8_t { kNone, kNextDayUtc, kNextDayPacific, kNextMonthUtc };

// All that is written must hold; within one list any value does. A rule that names neither a status
// nor a failure is for errors: statuses from 400 and error events. The code in an error event is
// its status.
struct ClassifyRule {
  std::vector<StatusRange> status;
  std::vector<std::string> error;    // one of the error fields is one of these, without case
  std::vector<std::string> message;  // one of the message fields contains one, without case
  std::vector<HeaderMatch> header;
  std::vector<JsonMatch> json;       // in the answer's body
  std::vector<std::string> failure;  // RFC 9209 error of an attempt without a whole answer
  std::optional<bool> in_stream;     // an error event after a 200, or not
  Verdict verdict = Verdict::kTransient;
  std::optional<Duration> wait;  // at least so long before the next try
  Until until = Until::kNone;
  Scope scope = Scope::kDefault;
  bool operator==(const ClassifyRule&) const = default;
};

// ---- retry ----

enum class Jitter : std::uint8_t { kFull, kEqual, kDecorrelated, kNone };

struct Backoff {
  Duration base = 500ms;
  double factor = 2;
  Duration max = 30s;
  Jitter jitter = Jitter::kFull;
  bool operator==(const Backoff&) const = default;
};

// What the server says of when to come back (resilience 3, item 6).
struct Hints {
  bool honour = true;
  Duration max_wait = 60s;  // a longer hint is not slept through: the answer is returned at once
  double spread = 0.1;      // added at random, up to this part of the hint: never earlier
  bool operator==(const Hints&) const = default;
};

struct BudgetCost {
  Verdict verdict = Verdict::kTransient;
  std::uint32_t cost = 1;
  bool operator==(const BudgetCost&) const = default;
};

// Retries that are paid for: each request earns `ratio`, each retry costs by its verdict; `floor`
// retries in a window are free (resilience 1.3, 3 item 10).
struct RetryBudget {
  double ratio = 0.2;
  std::uint32_t floor = 10;
  Duration window = 10s;
  std::vector<BudgetCost> cost = {
      {Verdict::kThrottled, 1}, {Verdict::kTransient, 2}, {Verdict::kTimeout, 5}};
  bool operator==(const RetryBudget&) const = default;
};

struct VerdictBackoff {
  Verdict verdict = Verdict::kOverloaded;
  Backoff backoff;
  bool operator==(const VerdictBackoff&) const = default;
};

struct Retry {
  std::uint32_t max_attempts = 3;  // with the first
  VerdictSet on_verdicts = {Verdict::kRefusedUnsent,  Verdict::kThrottled, Verdict::kOverloaded,
                            Verdict::kTransient,      Verdict::kTimeout,   Verdict::kTruncated,
                            Verdict::kInvalidResponse};  // `if`
  Backoff backoff;
  std::vector<VerdictBackoff> backoff_for = {};  // by verdict, instead of `backoff`
  Hints hints;
  std::optional<RetryBudget> budget = RetryBudget{};
  double timeout_factor = 2;            // headers and first_event after a timed-out safe attempt
  ByteCount buffer = 64 * 1024 * 1024;  // a longer request body is sent once
  // The status of an answer whose retries are exhausted; 0: the upstream's own. 424 stops more SDKs
  // (llm 2.2).
  std::uint16_t give_up_status = 0;
  bool operator==(const Retry&) const = default;
};

// ---- replay, verify ----

enum class Replay : std::uint8_t { kSafe, kKeyed, kVerify, kUnsent, kNever };

// How to find out whether a write happened: asked `settle` after it was lost, and found missing
// `negatives` times before it is sent again.
struct Verify {
  std::string get;  // a target on the upstream; {idempotency-key} and {/json/pointer} are filled in
  std::vector<StatusRange> found_status;  // none: 2xx
  std::vector<JsonMatch> found_json;      // all must hold in the answer
  Duration settle = 2s;
  std::uint32_t negatives = 2;
  Duration timeout = 10s;
  bool operator==(const Verify&) const = default;
};

// ---- commit, dialect ----

enum class CommitUntil : std::uint8_t {
  kFirstEvent,  // the first event that says something
  kOnComplete,  // the whole answer
  kHead         // nothing is held
};

struct Commit {
  CommitUntil until = CommitUntil::kFirstEvent;
  ByteCount max_bytes = 256 * 1024;         // held of a stream; beyond, it is committed as it is
  ByteCount max_answer = 16 * 1024 * 1024;  // held of a whole answer (on_complete, JSON)
  // Comments are sent to the client of an event stream while it waits; its 200 goes out early.
  std::optional<Duration> keep_alive;
  bool operator==(const Commit&) const = default;
};

// The grammar of a provider's streams: what is an error, what says something, what is the end
// (llm 2.3). kAuto finds out from the first event.
enum class Dialect : std::uint8_t {
  kNone,
  kAuto,
  kOpenai,  // chat completions and responses
  kAnthropic,
  kGemini,
  kBedrock,
  kCohere,
  kNdjson,
  kSse
};

// ---- circuit_breaker ----

enum class BreakerKey : std::uint8_t { kModel, kCredential, kEndpoint };

struct SlowCalls {
  Duration first_event = 90s;  // of a stream its first event, else its head, later than this
  double rate = 0.8;
  bool operator==(const SlowCalls&) const = default;
};

struct BreakerOpen {
  Duration first = 5s;
  double factor = 2;
  Duration max = 2min;
  double jitter = 0.2;
  bool operator==(const BreakerOpen&) const = default;
};

struct HalfOpen {
  std::uint32_t probes = 1;     // at a time
  Duration lease = 2min;        // a probe without an outcome after this has failed
  std::uint32_t successes = 2;  // in a row, to close
  bool operator==(const HalfOpen&) const = default;
};

struct CircuitBreaker {
  std::optional<std::uint32_t> failures_in_a_row = 5;
  std::optional<double> failure_rate = 0.5;  // of the window's calls, from min_calls on
  std::uint32_t min_calls = 10;
  Duration window = 30s;
  std::optional<std::uint32_t> window_calls;  // counts the last calls instead of the last time
  std::optional<SlowCalls> slow;
  BreakerOpen open;
  HalfOpen half_open;
  std::optional<Duration> ramp = 10s;  // after closing, traffic returns over this time
  std::vector<BreakerKey> key = {};    // besides the host's breaker, which connections move
  VerdictSet failure = {Verdict::kTransient, Verdict::kOverloaded, Verdict::kTimeout,
                        Verdict::kTruncated, Verdict::kInvalidResponse};
  VerdictSet rate_only = {Verdict::kThrottled};    // count for the rate, not in a row
  std::optional<std::uint32_t> upstream_opens_at;  // open keys that open the whole upstream
  bool operator==(const CircuitBreaker&) const = default;
};

// ---- all of them ----

enum class ErrorFormat : std::uint8_t { kOpenai, kAnthropic, kProblem };
enum class DecisionHeaders : std::uint8_t { kStandard, kFull };  // research/operability 3.4

// What a route may narrow. A resolved route holds the upstream's values where it says nothing.
struct Policies {
  Timeouts timeouts;
  std::vector<ClassifyRule> classify = {};  // first match wins; built-in rules by status follow
  std::vector<std::string> error_fields = {"/error/code", "/error/type", "/error/status", "/code",
                                           "/type"};
  std::vector<std::string> message_fields = {"/error/message", "/message", "/detail"};
  std::optional<Duration> deadline;  // of an exchange with all its attempts, to the answer's head
  std::optional<Retry> retry = Retry{};
  std::optional<Replay> replay;  // absent: safe for idempotent methods, unsent for the others
  std::optional<Verify> verify;
  std::optional<CircuitBreaker> circuit_breaker = CircuitBreaker{};
  Commit commit;
  Dialect dialect = Dialect::kNone;
  ErrorFormat error_format = ErrorFormat::kProblem;
  DecisionHeaders headers = DecisionHeaders::kStandard;
  std::optional<ByteCount> max_request_body;  // absent: unlimited
  bool operator==(const Policies&) const = default;
};

}  // namespace outrigger::config
