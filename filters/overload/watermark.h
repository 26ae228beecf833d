// How near the process is to the end of something it lives on. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "config/config.h"

namespace outrigger::filters {

enum class Level : std::uint8_t {
  kEnough,
  kSoft,  // nothing is taken on that can be done without
  kHard   // new work is refused
};

// What is used of what there is; a limit of 0 is none.
struct Usage {
  std::uint64_t used = 0;
  std::uint64_t limit = 0;
};

// A level is reached at its mark, and left only kHysteresis below it, so that what is freed by
// refusing does not at once let everything in again.
[[nodiscard]] Level next_level(Level before, const Usage& usage,
                               const std::optional<config::Watermarks>& marks) noexcept;

inline constexpr double kHysteresis = 0.03;

// Memory as the kernel tells it; what there is not is nothing.
struct MemoryReading {
  bool complete = true;                      // no file was out of reach for want of a descriptor
  std::uint64_t machine = 0;                 // of the whole machine
  std::uint64_t resident = 0;                // of this process
  std::optional<std::uint64_t> group_limit;  // of the control group that limits it most
  std::uint64_t group_used = 0;              // of that group
  std::uint64_t group_cache = 0;  // of that, of files that the kernel drops when it needs room
};

// Of the control group where one limits the process, else of the machine. A group's cache of files
// is no use: a log that is written would fill it.
[[nodiscard]] Usage memory_usage(const MemoryReading& reading) noexcept;

}  // namespace outrigger::filters
