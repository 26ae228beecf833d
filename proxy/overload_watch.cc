#include "proxy/overload_watch.h"

#include <malloc.h>

#include <algorithm>
#include <climits>
#include <string>

namespace outrigger {
namespace {

using filters::Level;
using filters::Resource;

// Bodies of a burst fill memory in less than a second.
constexpr Duration kMeasureEvery = 100ms;
constexpr unsigned kTrimEvery = 10;  // measurements

constexpr std::string_view name_of(Resource resource) noexcept {
  return resource == Resource::kMemory ? "memory" : "descriptors";
}

std::string_view name_of(Level level) noexcept {
  switch (level) {
    case Level::kEnough:
      return "enough";
    case Level::kSoft:
      return "soft";
    case Level::kHard:
      break;
  }
  return "hard";
}

}  // namespace

void OverloadWatch::use(const config::Overload& policy) {
  policy_ = policy;
  pressure_.set_retry_after(policy.retry_after);
  measure();
  publish();
  loop_.arm(*this, kMeasureEvery);
}

void OverloadWatch::on_fire() {
  measure();
  give_back_memory();
  loop_.arm(*this, kMeasureEvery);
}

// What was freed the allocator keeps: without this a burst would leave the process at its mark for
// good. Only then, because it holds the allocator's locks.
void OverloadWatch::give_back_memory() {
  if (pressure_.of(Resource::kMemory) == Level::kEnough) {
    until_trim_ = 0;
  } else if (until_trim_-- == 0) {
    until_trim_ = kTrimEvery;
#ifdef __GLIBC__
    malloc_trim(0);
#endif
  }
}

void OverloadWatch::measure() {
  // What cannot be read for want of a descriptor is taken to be as it was.
  const filters::MemoryReading memory = memory_.read();
  if (memory.complete) {
    settle(Resource::kMemory, filters::memory_usage(memory), policy_.memory);
  }
  const filters::Usage descriptors = read_descriptors();
  settle(Resource::kDescriptors, descriptors, policy_.descriptors);
  const bool bounded = policy_.descriptors && descriptors.limit > 0;
  const double most = bounded ? policy_.descriptors->hard * static_cast<double>(descriptors.limit)
                              : static_cast<double>(INT_MAX);
  pressure_.refuse_connections_from(static_cast<int>(std::min<double>(most, INT_MAX)));
}

void OverloadWatch::settle(Resource resource, const filters::Usage& usage,
                           const std::optional<config::Watermarks>& marks) {
  const Level before = pressure_.of(resource);
  const Level level = filters::next_level(before, usage, marks);
  if (level == before) return;
  pressure_.set(resource, level);
  publish();
  const LogLevel loud = level > before ? LogLevel::kWarn : LogLevel::kInfo;
  log_.log(loud, "overload",
           level > before ? "the proxy is running out of a resource"
                          : "the proxy has more of a resource again",
           {{"resource", name_of(resource)},
            {"level", name_of(level)},
            {"used", usage.used},
            {"limit", usage.limit}});
}

void OverloadWatch::publish() {
  std::vector<MetricRegistry::Sample> samples;
  for (const Resource resource : {Resource::kMemory, Resource::kDescriptors}) {
    samples.push_back(
        {{std::string(name_of(resource))}, static_cast<double>(pressure_.of(resource))});
  }
  metrics_.publish(Metric::kOverload, std::move(samples));
}

}  // namespace outrigger
