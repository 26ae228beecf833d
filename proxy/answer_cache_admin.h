// The answer cache as the admin API sees it. The supervisor's, on the main thread.
#pragma once

#include "filters/cache/answer_cache.h"
#include "proxy/admin/cache_pages.h"

namespace outrigger {

class AnswerCacheAdmin final : public admin::CacheAdmin {
 public:
  // `cache` outlives it; the limits are for people.
  AnswerCacheAdmin(filters::AnswerCache& cache, std::uint64_t memory, std::uint64_t disk) noexcept
      : cache_(cache), memory_(memory), disk_(disk) {}
  [[nodiscard]] admin::CacheState state() const override {
    return {cache_.figures(), memory_, disk_};
  }
  Result<std::uint64_t> purge(const filters::CachePurge& what, admin::PurgeMode mode) override {
    const auto gone = mode == admin::PurgeMode::kCount ? cache_.count(what) : cache_.purge(what);
    if (!gone) return std::unexpected(gone.error());
    return gone->entries;
  }

 private:
  filters::AnswerCache& cache_;
  const std::uint64_t memory_, disk_;
};

}  // namespace outrigger
