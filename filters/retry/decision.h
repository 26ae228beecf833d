// Whether an attempt is followed by another, after how long, and if not, why not. Pure: everything
// that counts is in the facts (resilience 1.2, 3 items 5 to 10).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "config/policies.h"
#include "filters/retry/safety.h"
#include "proxy/base/duration.h"
#include "proxy/base/result.h"
#include "proxy/base/verdict.h"

namespace outrigger::filters {

// Why no other attempt followed: the closed list that logs, headers and metrics use.
enum class Stop : std::uint8_t {
  kNone,            // another follows
  kOk,              // there is nothing to repeat
  kVerdict,         // of a kind that is not repeated
  kUpstreamSaidNo,  // x-should-retry: false
  kMaxAttempts,
  kNotReplayable,   // the request body is gone
  kUnsafe,          // it may have been executed
  kUnknownOutcome,  // it may have been executed, and a probe could not tell
  kHintTooLong,     // the server asks for a longer wait than max_wait
  kDeadline,        // the wait does not end before the deadline
  kBudget,          // too many retries of this upstream already
  kCircuitOpen,
  kNoKey,      // all keys of the upstream are set aside
  kLimited,    // a limit of ours has no room for it in time
  kCancelled,  // nobody waits for the answer any more
};
// A literal; empty for kNone.
[[nodiscard]] std::string_view to_string(Stop stop) noexcept;

// What is known when an attempt has ended.
struct AttemptFacts {
  Verdict verdict = Verdict::kTransient;
  Phase phase = Phase::kNoConnection;
  config::Replay replay = config::Replay::kUnsent;
  std::uint32_t tries = 1;    // calls of the rest of the chain so far, with this one
  bool cancelled = false;     // the exchange is
  bool circuit_open = false;  // a breaker refused; nothing was sent
  bool limited = false;       // a rate or concurrency limit did, likewise
  // The failure was the key's own and another one may be used: at once, whatever the server's hint
  // and word, which were the other key's.
  bool another_key = false;
  bool body_replayable = true;
  bool can_probe = true;                   // class `verify` knows how to ask
  bool budget_left = true;                 // for a retry after this verdict
  std::optional<bool> upstream_word = {};  // x-should-retry, stripe-should-retry
  std::optional<Duration> hint = {};       // the server's, or of a cooldown that runs: unclamped
  Duration extra{0};                       // spreads a hint: added to it where there is time
  Duration backoff{0};                     // what we would wait without a hint
  std::optional<Duration> left = {};       // until the deadline; none without one
};

struct Decision {
  bool again = false;
  bool probe_first = false;  // ask whether it was executed (class `verify`)
  Duration wait{0};          // of `again`: before the next attempt
  Stop stop = Stop::kNone;
  // When a client may come back, where that is known: for Retry-After.
  std::optional<Duration> come_back = {};
  [[nodiscard]] std::string_view reason() const noexcept { return to_string(stop); }
};

// The first that holds decides, in the order of Stop, but that the budget comes last, so that
// nothing is paid for in vain; a false word of the upstream is obeyed, a true one adds its verdict
// to those of the policy, where safety allows it. Never says `again` when the wait does not end
// before the deadline.
[[nodiscard]] Decision decide(const AttemptFacts& facts, const config::Retry& policy) noexcept;

// The retries were not enough, or were not to be: the answer is the upstream's last word, and its
// status is replaced by `give_up_status`. False where there was nothing to repeat or nobody waits.
[[nodiscard]] bool is_exhausted(Stop stop) noexcept;

// Whether an answer with such an end makes a client's SDK repeat the request in vain, so that it
// must be told not to (llm 2.2).
[[nodiscard]] bool stops_clients(Stop stop, Verdict verdict, int status) noexcept;

}  // namespace outrigger::filters
