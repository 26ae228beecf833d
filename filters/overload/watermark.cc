#include "filters/overload/watermark.h"

#include <algorithm>

namespace outrigger::filters {

Level next_level(Level before, const Usage& usage,
                 const std::optional<config::Watermarks>& marks) noexcept {
  if (!marks || usage.limit == 0) return Level::kEnough;
  const double part = static_cast<double>(usage.used) / static_cast<double>(usage.limit);
  const auto reaches = [&](double mark, Level level) {
    return part >= (before >= level ? mark - kHysteresis : mark);
  };
  if (reaches(marks->hard, Level::kHard)) return Level::kHard;
  if (reaches(marks->soft, Level::kSoft)) return Level::kSoft;
  return Level::kEnough;
}

Usage memory_usage(const MemoryReading& reading) noexcept {
  const bool limited = reading.group_limit && *reading.group_limit > 0 &&
                       (reading.machine == 0 || *reading.group_limit < reading.machine);
  if (!limited) return {reading.resident, reading.machine};
  return {reading.group_used - std::min(reading.group_cache, reading.group_used),
          *reading.group_limit};
}

}  // namespace outrigger::filters
