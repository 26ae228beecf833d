// The pages of the answer cache: GET /api/v1/cache and POST /api/v1/cache/purge (durability 1.2).
// The cache itself stands behind an interface.
#pragma once

#include <cstdint>
#include <vector>

#include "filters/cache/cache_figures.h"
#include "filters/cache/cache_purge.h"
#include "proxy/admin/router.h"
#include "proxy/base/log.h"
#include "proxy/base/result.h"
#include "proxy/base/wall_clock.h"

namespace outrigger::admin {

struct CacheState {
  filters::CacheFigures figures;
  std::uint64_t memory_limit = 0;  // bytes
  std::uint64_t disk_limit = 0;    // 0: no disk
};

enum class PurgeMode : std::uint8_t { kCount, kPurge };

// What the pages ask of the cache, on the main thread.
class CacheAdmin {
 public:
  virtual ~CacheAdmin() = default;
  [[nodiscard]] virtual CacheState state() const = 0;
  // How many answers went, or with kCount would go. May block for as long as the disk needs.
  virtual Result<std::uint64_t> purge(const filters::CachePurge& what, PurgeMode mode) = 0;
};

// `cache` and `log` outlive the routes. Each purge is told in the log: what, by whom, how many.
std::vector<Route> cache_routes(CacheAdmin& cache, Logger& log,
                                WallClock::Read clock = &WallClock::system);

}  // namespace outrigger::admin
