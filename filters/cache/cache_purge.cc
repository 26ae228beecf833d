#include "filters/cache/cache_purge.h"

#include <algorithm>

namespace outrigger::filters {

bool CachePurge::everything() const noexcept {
  return !key && tag.empty() && upstream.empty() && model.empty() && !stored_before_us;
}

bool CachePurge::meets(const CacheKey& of, const CacheEntry& entry) const noexcept {
  return (!key || *key == of) && (upstream.empty() || upstream == entry.upstream) &&
         (model.empty() || model == entry.model) &&
         (!stored_before_us || entry.stored_us < *stored_before_us) &&
         (tag.empty() || std::ranges::find(entry.tags, tag) != entry.tags.end());
}

}  // namespace outrigger::filters
