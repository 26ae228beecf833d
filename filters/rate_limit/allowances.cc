#include "filters/rate_limit/allowances.h"

#include <algorithm>

namespace outrigger::filters {
namespace {

double amount_of(std::size_t counted, const Load& load) noexcept {
  switch (static_cast<Counted>(counted)) {
    case Counted::kRequests:
      return load.requests;
    case Counted::kTokens:
      return load.prompt_tokens + load.answer_tokens;
    case Counted::kInputTokens:
      return load.prompt_tokens;
    case Counted::kOutputTokens:
      break;
  }
  return load.answer_tokens;
}

// The upstream said no before it read the prompt, and took nothing for it.
bool is_refusal(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::kRefusedUnsent:
    case Verdict::kThrottled:
    case Verdict::kQuotaExhausted:
    case Verdict::kOverloaded:
    case Verdict::kAuth:
    case Verdict::kClientError:
      return true;
    default:
      return false;
  }
}

Load used_of(const LimitEnding& ending) noexcept {
  if (!ending.reached) return {};
  Load used{.requests = ending.taken.requests + ending.more_sent};
  if (ending.used) {
    used.prompt_tokens = static_cast<double>(ending.used->input);
    used.answer_tokens = static_cast<double>(ending.used->output);
  } else if (!is_refusal(ending.verdict)) {
    used.prompt_tokens = ending.taken.prompt_tokens;
  }
  return used;
}

}  // namespace

bool Allowances::take(const Load& load, TimePoint now) {
  for (std::size_t i = 0; i < kCountedThings; ++i) {
    allowances_[i].forget_stale(now);
    if (!allowances_[i].has(amount_of(i, load), now)) return false;
  }
  for (std::size_t i = 0; i < kCountedThings; ++i) allowances_[i].take(amount_of(i, load), now);
  out_ += load;
  return true;
}

void Allowances::take_anyway(const Load& load, TimePoint now) {
  for (std::size_t i = 0; i < kCountedThings; ++i) {
    allowances_[i].take_ahead(amount_of(i, load), now);
  }
  out_ += load;
}

std::optional<Duration> Allowances::wait(const Load& ahead, const Load& last, TimePoint now) {
  Duration longest{0};
  for (std::size_t i = 0; i < kCountedThings; ++i) {
    longest = std::max(longest, allowances_[i].wait(amount_of(i, ahead), amount_of(i, last), now));
  }
  return longest;
}

double Allowances::cost(const Load& load) const {
  double most = 1e-9;  // where nothing is limited yet
  for (std::size_t i = 0; i < kCountedThings; ++i) {
    most = std::max(most, allowances_[i].seconds_of(amount_of(i, load)));
  }
  return most;
}

void Allowances::settle(std::size_t counted, double taken, double used, TimePoint now) noexcept {
  if (used < taken) {
    allowances_[counted].give_back(taken - used, now);
  } else if (used > taken) {
    allowances_[counted].take(used - taken, now);
  }
}

void Allowances::conclude(const LimitEnding& ending, TimePoint now) {
  const Load used = used_of(ending);
  for (std::size_t i = 0; i < kCountedThings; ++i) {
    settle(i, amount_of(i, ending.taken), amount_of(i, used), now);
  }
  out_ -= ending.taken;
}

void Allowances::learn(const LimitNews& news, const Load& own, TimePoint started, TimePoint now) {
  if (heard_ && started < *heard_) return;
  heard_ = started;
  Load others = out_;
  others -= own;
  for (std::size_t i = 0; i < kCountedThings; ++i) {
    allowances_[i].learn(news.quotas[i], amount_of(i, others), now);
  }
}

void Allowances::adopt(const config::Policies& policies, TimePoint now) {
  const config::RateLimit& policy = *policies.rate_limit;
  const auto adopt_one = [&](Counted counted, const std::optional<config::Rate>& rate) {
    if (rate) {
      of(counted).configure(*rate, policy.burst, now);
    } else if (!of(counted).learnt() || !policy.learn) {
      of(counted).clear();
    }
  };
  adopt_one(Counted::kRequests, policy.requests);
  adopt_one(Counted::kTokens, policy.tokens);
  adopt_one(Counted::kInputTokens, std::nullopt);
  adopt_one(Counted::kOutputTokens, std::nullopt);
}

bool Allowances::idle(TimePoint now) {
  if (out_.requests > 0) return false;
  return std::ranges::all_of(allowances_, [&](Allowance& one) { return one.untouched(now); });
}

}  // namespace outrigger::filters
