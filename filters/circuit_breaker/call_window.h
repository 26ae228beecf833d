// Counts the calls of the last time, or the last calls. Pure; one a breaker. Adding allocates
// nothing and takes constant time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "proxy/base/duration.h"

namespace outrigger::filters {

// Of one call: what a window remembers.
struct CallMark {
  bool failed = false;
  bool slow = false;
};

struct CallTally {
  std::uint32_t calls = 0;
  std::uint32_t failures = 0;
  std::uint32_t slow = 0;
  [[nodiscard]] double failure_rate() const noexcept {
    return calls == 0 ? 0 : static_cast<double>(failures) / calls;
  }
  bool operator==(const CallTally&) const = default;
};

class CallWindow {
 public:
  static constexpr std::int64_t kBuckets = 10;

  // The calls of the last `length`, forgotten by tenths of it: one counts for at least 9/10 of the
  // length and never longer than it. With `calls` it is the last so many instead, whenever they
  // were.
  CallWindow(Duration length, std::optional<std::uint32_t> calls);

  // A `now` before an earlier one counts as that one: the clocks of two workers differ by a little.
  void add(TimePoint now, CallMark mark) noexcept;
  [[nodiscard]] CallTally tally(TimePoint now) noexcept;
  void clear() noexcept;

  // Calls that neither failed nor were slow and came before `bucket_end()`; cheaper than one add()
  // each.
  void add_good(std::uint32_t calls) noexcept;
  // Until when calls fall into the bucket that is filled; nothing where the last calls are counted.
  [[nodiscard]] std::optional<TimePoint> bucket_end() const noexcept;
  // No call in it failed or was slow, as far as it was rolled.
  [[nodiscard]] bool good() const noexcept { return sum_.failures == 0 && sum_.slow == 0; }

 private:
  void roll_to(TimePoint now) noexcept;

  Duration bucket_length_;
  std::array<CallTally, kBuckets> buckets_{};
  std::int64_t newest_ = 0;     // number of the bucket that is filled, since the clock's beginning
  std::vector<CallMark> last_;  // a ring, where the last calls are counted
  std::size_t oldest_ = 0;
  CallTally sum_;
};

}  // namespace outrigger::filters
