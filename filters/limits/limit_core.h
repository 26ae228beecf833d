// What a limit counts, behind the line of those who wait for it (shared_limit.h). The two cores are
// rate_limit/allowances.h and concurrency/aimd.h: sans-IO, time comes in; always called under the
// limit's lock.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "config/policies.h"
#include "proxy/base/duration.h"
#include "proxy/base/verdict.h"

namespace outrigger::filters {

// Tokens of a prompt and its answer.
struct TokenUsage {
  std::uint64_t input = 0;
  std::uint64_t output = 0;
  bool operator==(const TokenUsage&) const = default;
};

// What one request, or a number of them, is to take: tokens are estimated.
struct Load {
  double requests = 0;
  double prompt_tokens = 0;
  double answer_tokens = 0;  // at most

  Load& operator+=(const Load& other) noexcept {
    requests += other.requests;
    prompt_tokens += other.prompt_tokens;
    answer_tokens += other.answer_tokens;
    return *this;
  }
  // What is less than nothing is nothing: sums of parts are not exact.
  Load& operator-=(const Load& other) noexcept {
    requests = std::max(requests - other.requests, 0.0);
    prompt_tokens = std::max(prompt_tokens - other.prompt_tokens, 0.0);
    answer_tokens = std::max(answer_tokens - other.answer_tokens, 0.0);
    return *this;
  }
};

// What became of a request that took something.
struct LimitEnding {
  Load taken;
  TimePoint started;
  Verdict verdict = Verdict::kCancelled;
  bool reached = false;         // the upstream may have seen it
  std::uint32_t more_sent = 0;  // requests besides the one that was asked for (a hedge)
  std::optional<TokenUsage> used = {};
};

// What an answer's headers say of the provider's limits; see rate_limit/limit_headers.h.
struct LimitNews;

class LimitCore {
 public:
  virtual ~LimitCore() = default;

  // Takes what one request is to take, if it is there.
  virtual bool take(const Load& load, TimePoint now) = 0;
  // Takes it whether it is there or not: for a policy in shadow.
  virtual void take_anyway(const Load& load, TimePoint now) = 0;
  // How long until `last` could be taken after all of `ahead`; nothing when only the end of a call
  // brings something back, and nobody knows when that is.
  [[nodiscard]] virtual std::optional<Duration> wait(const Load& ahead, const Load& last,
                                                     TimePoint now) = 0;
  // The part of the limit that a request takes, in seconds of it: what callers are held equal by.
  [[nodiscard]] virtual double cost(const Load& load) const = 0;
  virtual void conclude(const LimitEnding& ending, TimePoint now) = 0;
  // Headers of the answer to a call that took `own` and started then.
  virtual void learn(const LimitNews& news, const Load& own, TimePoint started, TimePoint now) = 0;
  // The policies of a new configuration; what is counted stays.
  virtual void adopt(const config::Policies& policies, TimePoint now) = 0;
  // Nothing would be lost if it were forgotten.
  [[nodiscard]] virtual bool idle(TimePoint now) = 0;
  // Requests at a time; nothing where there is no such limit.
  [[nodiscard]] virtual std::optional<std::uint32_t> at_a_time() const = 0;
};

}  // namespace outrigger::filters
