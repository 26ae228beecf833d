#include "filters/credentials/export_keys.h"

#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace outrigger::filters {

void export_keys(const SharedKeys& keys, SharedCooldowns& cooldowns, MetricRegistry& metrics,
                 TimePoint now) {
  constexpr std::array<std::string_view, 3> kStates = {"usable", "cooling", "set_aside"};
  std::map<std::string, std::array<double, kStates.size()>> counts;
  std::set<std::pair<std::string, std::uint64_t>> counted;  // routes may share keys
  for (const auto& ring : keys.all()) {
    for (std::size_t key = 0; key < ring->size(); ++key) {
      if (!counted.emplace(ring->upstream(), ring->hash(key)).second) continue;
      std::size_t state = 0;
      if (ring->record(key).shut(now)) {
        state = 2;
      } else if (cooldowns.peek(ring->upstream(), {}, ring->hash(key), now)) {
        state = 1;
      }
      ++counts[ring->upstream()][state];
    }
  }
  std::vector<MetricRegistry::Sample> samples;
  for (const auto& [upstream, of] : counts) {
    for (std::size_t state = 0; state < kStates.size(); ++state) {
      samples.push_back({{upstream, std::string(kStates[state])}, of[state]});
    }
  }
  metrics.publish(Metric::kCredentials, std::move(samples));
}

}  // namespace outrigger::filters
