#include "filters/rate_limit/allowance.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

namespace outrigger::filters {
namespace {

constexpr double kNearly = 1e-6;   // sums of parts are not exact
constexpr double kPaidBack = 0.5;  // of what comes in, while there is a debt
constexpr double kLongestSeconds = 366.0 * 86400;
// Below this a reset that is rounded to seconds says nothing of the rate.
constexpr Duration kTellingReset = 3s;
// The periods that providers use.
constexpr std::array<Duration, 5> kPeriods = {1s, 10s, 60s, 1h, 24h};

double seconds(Duration duration) noexcept {
  return std::chrono::duration<double>(duration).count();
}

Duration duration_of(double seconds) noexcept {
  return Duration{
      static_cast<std::int64_t>(std::ceil(std::clamp(seconds, 0.0, kLongestSeconds) * 1e9))};
}

// The nearest, as a ratio.
Duration nearest_period(double seconds_of_period) noexcept {
  const auto distance = [&](Duration period) {
    return std::abs(std::log(seconds(period) / seconds_of_period));
  };
  return *std::ranges::min_element(kPeriods, {}, distance);
}

}  // namespace

void Allowance::configure(const config::Rate& rate, Duration burst, TimePoint now) noexcept {
  const bool anew = source_ != Source::kConfigured;
  if (!anew) fill(now);
  const bool full = debt_ == 0 && level_ >= capacity_;
  source_ = Source::kConfigured;
  each_ = static_cast<double>(rate.events);
  period_ = rate.per;
  full_at_.reset();
  capacity_ = std::max(each_ * seconds(burst) / seconds(period_), 1.0);
  at_ = now;
  // One that is full stays so, and a debt stays one, whatever the rate.
  if (anew) debt_ = 0;
  level_ = anew || full ? capacity_ : std::min(level_, capacity_);
}

void Allowance::set(double balance) noexcept {
  level_ = std::clamp(balance, 0.0, capacity_);
  debt_ = std::max(-balance, 0.0);
}

void Allowance::come_in(double amount) noexcept {
  const double paid = std::min(debt_, amount * kPaidBack);
  debt_ -= paid;
  level_ = std::min(level_ + amount - paid, capacity_);
}

void Allowance::fill(TimePoint now) noexcept {
  if (now <= at_) return;  // another worker's clock was read earlier
  const double passed = seconds(now - at_);
  at_ = now;
  if (!full_at_) return come_in(each_ * passed / seconds(period_));
  if (now < *full_at_) return;
  const auto windows = (now - *full_at_) / period_ + 1;
  *full_at_ = *full_at_ + period_ * windows;
  // What was overdrawn was counted in a window that has ended, and was refused there.
  debt_ = 0;
  level_ = capacity_;
}

// What takes more than there can ever be goes when all is there, and overdraws it.
double Allowance::needed(double amount) const noexcept {
  return std::min(amount, capacity_);
}

bool Allowance::has(double amount, TimePoint now) noexcept {
  if (!limits()) return true;
  fill(now);
  if (amount > capacity_ && debt_ > 0) return false;
  return level_ >= needed(amount) - kNearly;
}

void Allowance::take(double amount, TimePoint now) noexcept {
  if (!limits()) return;
  fill(now);
  level_ -= amount;
  if (level_ >= 0) return;
  debt_ -= level_;
  level_ = 0;
}

void Allowance::take_ahead(double amount, TimePoint now) noexcept {
  if (!limits()) return;
  fill(now);
  level_ -= amount;
}

void Allowance::give_back(double amount, TimePoint now) noexcept {
  if (!limits()) return;
  fill(now);
  const double paid = std::min(debt_, amount);
  debt_ -= paid;
  level_ = std::min(level_ + amount - paid, capacity_);
}

Duration Allowance::wait(double ahead, double last, TimePoint now) noexcept {
  if (!limits()) return Duration{0};
  fill(now);
  const double missing = std::max(ahead + needed(last) - level_, 0.0);
  const double owed = last > capacity_ ? debt_ : std::min(debt_, missing);
  if (missing + owed <= kNearly) return Duration{0};
  if (!full_at_) {
    // While there is a debt, as much goes to it as comes in for others.
    const double comes = last > capacity_ ? std::max(missing + debt_, 2 * debt_) : missing + owed;
    return duration_of(comes * seconds(period_) / each_);
  }
  const double windows = std::max(std::ceil(missing / capacity_ - kNearly), 1.0);
  return duration_of(seconds(*full_at_ - now) + (windows - 1) * seconds(period_));
}

double Allowance::seconds_of(double amount) const noexcept {
  return limits() ? amount * seconds(period_) / each_ : 0;
}

double Allowance::level(TimePoint now) noexcept {
  if (limits()) fill(now);
  return level_ - debt_;
}

bool Allowance::untouched(TimePoint now) noexcept {
  forget_stale(now);
  return !limits() || level(now) >= capacity_;
}

void Allowance::forget_stale(TimePoint now) noexcept {
  if (source_ != Source::kLearnt || now - learnt_ < std::max(kLearntFor, period_ * 2)) return;
  clear();
}

// Where nobody says it: what is missing comes back until `reset`, so all comes in so long. Short
// resets that are rounded are too rough for that; then a minute, as nearly always. Of a window the
// longest time to its end that was seen.
Duration Allowance::period_of(const Quota& quota, double limit) const noexcept {
  if (quota.period && *quota.period > Duration{0}) return *quota.period;
  const double missing = limit - quota.remaining.value_or(limit);
  const bool tells = quota.reset && (*quota.reset >= kTellingReset ||
                                     (quota.precise && *quota.reset > Duration{0}));
  if (tells && !quota.window && missing >= 1) {
    return nearest_period(seconds(*quota.reset) * limit / missing);
  }
  const bool known = source_ == Source::kLearnt;
  if (quota.window && quota.reset) return std::max<Duration>(*quota.reset, known ? period_ : 1s);
  return known ? period_ : 60s;
}

void Allowance::learn(const Quota& quota, double others, TimePoint now) noexcept {
  if (!quota.known() || quota.limit == 0.0) return;
  if (source_ == Source::kConfigured) {
    fill(now);
    if (quota.remaining) set(std::min(level_ - debt_, *quota.remaining));
    return;
  }
  const bool anew = source_ == Source::kNobody;
  if (!anew) fill(now);
  const double limit =
      std::max({quota.limit.value_or(capacity_), quota.remaining.value_or(0), 1.0});
  period_ = period_of(quota, limit);
  source_ = Source::kLearnt;
  capacity_ = each_ = limit;
  at_ = std::max(at_, now);
  learnt_ = now;
  full_at_.reset();
  if (quota.window && quota.reset) full_at_ = now + std::max<Duration>(*quota.reset, 1ms);
  const double here = level_ - debt_;
  const double remaining = quota.remaining.value_or(anew ? limit : here);
  set(anew ? remaining - others : std::clamp(here, remaining - others, remaining));
}

}  // namespace outrigger::filters
