// What is to leave the cache before its time: all that is said must hold, and nothing said is
// everything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "filters/cache/entry.h"

namespace outrigger::filters {

struct CachePurge {
  std::optional<CacheKey> key = {};
  std::string tag = {};
  std::string upstream = {};
  std::string model = {};
  std::optional<std::int64_t> stored_before_us = {};  // time of day

  [[nodiscard]] bool everything() const noexcept;
  // Whether it is meant for that entry.
  [[nodiscard]] bool meets(const CacheKey& of, const CacheEntry& entry) const noexcept;
};

}  // namespace outrigger::filters
