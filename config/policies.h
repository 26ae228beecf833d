// The policies that mean the same at every level: defaults, profiles, upstreams, routes (DESIGN 4).
// A block is named after its filter. An absent optional is `none`: the policy is not in force.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/cache_policies.h"
#include "config/json_match.h"
#include "config/once_policies.h"
#include "proxy/base/duration.h"
#include "proxy/base/secret.h"
#include "proxy/base/verdict.h"

namespace outrigger::config {

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
  kSse,
  kJson  // no streams: documents
};
constexpr bool has_streams(Dialect dialect) noexcept {
  return dialect != Dialect::kNone && dialect != Dialect::kJson;
}

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

// ---- rate_limit, concurrency ----

// Events in a time: "5/s", "1000/min".
struct Rate {
  std::uint64_t events = 0;
  Duration per{0};
  bool operator==(const Rate&) const = default;
};

// What limits are kept apart by, besides the upstream.
enum class LimitKey : std::uint8_t { kModel, kCredential };

// Who waits for a limit: bounded, and shared out between callers in turn, each by its deadlines.
struct LimitQueue {
  std::uint32_t size = 1000;  // requests, of all callers; 0: nobody waits
  Duration wait = 5min;       // a request that would have to wait longer is refused
  bool operator==(const LimitQueue&) const = default;
};

struct RateLimit {
  std::optional<Rate> requests;
  std::optional<Rate> tokens;  // of prompts and answers: estimated before, settled after
  Duration burst = 2s;         // so much of the rate may be used at once; at least one request
  bool learn = true;           // rates and what is left of them, from the provider's headers
  double bytes_per_token = 4;  // for the estimate
  std::vector<LimitKey> key = {};
  LimitQueue queue;
  bool operator==(const RateLimit&) const = default;
};

// Requests at a time: fewer after each throttled or overloaded answer, more after good ones (AIMD);
// never by how long a call takes, because that follows from the length of the answer.
struct Concurrency {
  std::uint32_t start = 64;
  std::uint32_t min = 1;
  std::uint32_t max = 1000;
  double decrease = 0.7;  // the limit is multiplied by this, at most once in the time of a call
  VerdictSet signal = {Verdict::kThrottled, Verdict::kOverloaded};
  std::vector<LimitKey> key = {};
  LimitQueue queue;
  bool operator==(const Concurrency&) const = default;
};

// ---- hedge ----

// A second request while the first has not answered; the one that answers later is cancelled.
struct Hedge {
  std::optional<Duration> after;  // absent: learnt, the quantile of the time to the first event
  double quantile = 0.95;
  Duration min = 300ms;         // never earlier, where it is learnt
  std::uint32_t max_extra = 1;  // for one request
  double budget = 0.05;         // extra requests, as a part of all
  bool operator==(const Hedge&) const = default;
};

// ---- fallback ----

// When a fallback is taken: the last attempt's verdict, in its order of values, or a refusal of the
// proxy's own.
enum class FallbackOn : std::uint8_t {
  kFirstVerdict = 0,
  kBreakerOpen = kVerdictNames.size(),  // the circuit breaker let nothing through
  kLimited,                             // a limit or a cooldown would have made it wait too long
};
constexpr FallbackOn fallback_on(Verdict verdict) noexcept {
  return static_cast<FallbackOn>(verdict);
}

struct TextPair {  // an entry of a map of texts
  std::string from, to;
  bool operator==(const TextPair&) const = default;
};

struct JsonValue {      // `{/stream: false}`
  std::string pointer;  // RFC 6901
  std::string text;     // the value as JSON
  bool operator==(const JsonValue&) const = default;
};

struct FixedAnswer {
  std::uint16_t status = 200;
  std::string content_type = "application/json";
  std::string body;
  bool operator==(const FixedAnswer&) const = default;
};

// A second way. One of `upstream`, `model`, `path`, `map_model`, `set`, `answer` or `stale` says
// what is different.
struct Fallback {
  std::string upstream;  // by name; empty: the same
  std::vector<FallbackOn> on = {fallback_on(Verdict::kRefusedUnsent),
                                fallback_on(Verdict::kThrottled),
                                fallback_on(Verdict::kQuotaExhausted),
                                fallback_on(Verdict::kOverloaded),
                                fallback_on(Verdict::kTransient),
                                fallback_on(Verdict::kTimeout),
                                fallback_on(Verdict::kTruncated),
                                fallback_on(Verdict::kInvalidResponse),
                                FallbackOn::kBreakerOpen,
                                FallbackOn::kLimited};  // `if`
  std::string model;                                    // instead of any
  std::vector<TextPair> map_model;    // instead of the named ones; others are left as they are
  std::string path;                   // instead of the request's; {model} is filled in
  std::vector<JsonValue> set;         // in the request's body
  std::optional<FixedAnswer> answer;  // instead of asking anybody
  std::optional<Duration> stale;      // the stored answer, out of date by this at most
  bool degraded = true;               // the answer is marked as second best
  bool operator==(const Fallback&) const = default;
};

// ---- validate ----

enum class ValidateWhat : std::uint8_t {
  kContent,  // the text of the model's answer, as JSON
  kBody      // the whole body
};

struct Repair {
  bool deterministic = true;        // what needs no model: code fences, commas, brackets
  std::uint32_t prompts = 2;        // at most so many times the model is asked to mend its answer
  std::uint32_t max_tokens = 8000;  // of all of these together, estimated
  Duration time = 60s;              // of all of these together
  bool operator==(const Repair&) const = default;
};

struct Validate {
  ValidateWhat what = ValidateWhat::kContent;  // `of`
  std::string schema;        // JSON Schema, as JSON text; read from a file where it is one
  bool from_request = true;  // the schema that the request itself asks for (structured output)
  std::optional<Repair> repair = Repair{};
  bool operator==(const Validate&) const = default;
};

// ---- credentials ----

struct AwsSigning {  // Signature Version 4
  std::string region;
  std::string service = "bedrock";
  Secret access_key;
  Secret secret_key;
  Secret session_token;
  bool operator==(const AwsSigning&) const = default;
};

// Keys that the proxy puts on requests, so that agents hold none.
struct Credentials {
  std::vector<Secret> keys;  // a pool: one that is throttled or refused is set aside
  std::string header = "authorization";
  std::string scheme = "Bearer";  // before the key; empty: the key alone
  std::optional<AwsSigning> aws;  // instead of keys
  bool keep_client = false;       // a client that brings its own credential keeps it
  bool operator==(const Credentials&) const = default;
};

// ---- loop_guard ----

// The same request that failed with the same error again and again is answered from memory for a
// while (resilience 3, item 20).
struct LoopGuard {
  std::uint32_t failures = 3;  // in a row, and within `window`
  Duration window = 60s;
  Duration answer_for = 30s;
  bool operator==(const LoopGuard&) const = default;
};

// ---- shadow ----

// Policies that only say what they would have done.
enum class Shadowed : std::uint8_t {
  kRetry,
  kCircuitBreaker,
  kRateLimit,
  kConcurrency,
  kHedge,
  kFallback,
  kValidate,
  kLoopGuard,
  kCache
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
  std::optional<RateLimit> rate_limit;
  std::optional<Concurrency> concurrency;
  std::optional<Hedge> hedge;
  std::vector<Fallback> fallback = {};  // tried in order
  std::optional<Validate> validate;
  std::optional<Credentials> credentials;
  std::optional<LoopGuard> loop_guard;
  std::optional<Idempotency> idempotency;
  OnClientGone on_client_gone;  // of requests with a key
  std::optional<Cache> cache;
  std::vector<Shadowed> shadow = {};
  Commit commit;
  Dialect dialect = Dialect::kNone;
  ErrorFormat error_format = ErrorFormat::kProblem;
  DecisionHeaders headers = DecisionHeaders::kStandard;
  std::optional<ByteCount> max_request_body;  // absent: unlimited

  [[nodiscard]] bool shadowed(Shadowed policy) const noexcept {
    return std::ranges::find(shadow, policy) != shadow.end();
  }
  bool operator==(const Policies&) const = default;
};

}  // namespace outrigger::config
