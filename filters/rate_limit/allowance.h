// How much of one thing (requests, tokens) may be taken now: a bucket that fills at a rate, or, for
// a provider that counts in windows, one that is full again when its window ends. May be overdrawn,
// by a request that takes more than there can ever be, or more than was estimated: that is paid
// back with half of what comes in, so that small ones need not stand still meanwhile. Pure.
#pragma once

#include <optional>

#include "config/policies.h"
#include "proxy/base/duration.h"

namespace outrigger::filters {

// What one answer says of one of the provider's limits.
struct Quota {
  std::optional<double> limit = {};
  std::optional<double> remaining = {};
  std::optional<Duration> reset = {};   // until it is full again
  std::optional<Duration> period = {};  // of the limit, where its name says it
  bool precise = false;                 // `reset` is not rounded to seconds
  bool window = false;                  // it is full at `reset`, and not a bit earlier
  [[nodiscard]] bool known() const noexcept { return limit || remaining; }
};

class Allowance {
 public:
  // Limits nothing until one of these says otherwise.
  void configure(const config::Rate& rate, Duration burst, TimePoint now) noexcept;
  // No rate is configured any more, or it is one that was learnt and nobody speaks of it any more.
  void clear() noexcept { *this = {}; }
  // Takes over a limit that is not configured; one that is only loses what the provider has not.
  // `others`: taken for calls whose answers are not here yet, so that the provider may or may not
  // have counted them.
  void learn(const Quota& quota, double others, TimePoint now) noexcept;

  [[nodiscard]] bool limits() const noexcept { return source_ != Source::kNobody; }
  [[nodiscard]] bool learnt() const noexcept { return source_ == Source::kLearnt; }
  [[nodiscard]] bool has(double amount, TimePoint now) noexcept;
  // Overdraws, too.
  void take(double amount, TimePoint now) noexcept;
  // Takes what comes in next, as somebody in line would have to.
  void take_ahead(double amount, TimePoint now) noexcept;
  void give_back(double amount, TimePoint now) noexcept;
  // Until `last` could be taken after `ahead`.
  [[nodiscard]] Duration wait(double ahead, double last, TimePoint now) noexcept;
  // `amount` as seconds of the rate.
  [[nodiscard]] double seconds_of(double amount) const noexcept;
  // Nothing would be lost if it were made anew: it is full, or limits nothing.
  [[nodiscard]] bool untouched(TimePoint now) noexcept;
  // Forgets what was learnt when nothing confirmed it for long.
  void forget_stale(TimePoint now) noexcept;

  // What is there, less what is owed.
  [[nodiscard]] double level(TimePoint now) noexcept;
  [[nodiscard]] double capacity() const noexcept { return capacity_; }

  static constexpr Duration kLearntFor = 15min;  // and at least two periods

 private:
  enum class Source : unsigned char { kNobody, kConfigured, kLearnt };
  void fill(TimePoint now) noexcept;
  void come_in(double amount) noexcept;
  void set(double balance) noexcept;
  [[nodiscard]] double needed(double amount) const noexcept;
  [[nodiscard]] Duration period_of(const Quota& quota, double limit) const noexcept;

  Source source_ = Source::kNobody;
  double capacity_ = 0;
  double level_ = 0;  // below 0 only by take_ahead()
  double debt_ = 0;
  Duration period_{0};                // in which so much as `each_` comes in
  double each_ = 0;                   // a period
  std::optional<TimePoint> full_at_;  // of a window
  TimePoint at_;                      // of level_
  TimePoint learnt_;
};

}  // namespace outrigger::filters
