// What a use of the cache costs, and how much of what it is asked for it has, with room for a tenth
// of the keys, beside a plain LRU with the same room.
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "filters/cache/answer_cache.h"
#include "filters/cache/entry_codec.h"
#include "tests/unit/filters/cache/cache_traces.h"

namespace outrigger::filters {
namespace {

constexpr std::size_t kKeys = 100'000;

CacheEntryPtr answer(std::size_t bytes) {
  CacheEntry entry;
  entry.upstream = "openai";
  entry.tags = {"team-a"};
  entry.keep_until_us = INT64_MAX;
  entry.head = {.status = 200, .fields = {{"content-type", "application/json"}}, .length = bytes};
  entry.body = {std::string(bytes, 'a')};
  return std::make_shared<const CacheEntry>(std::move(entry));
}

std::vector<CacheKey> keys() {
  std::vector<CacheKey> made;
  for (std::size_t i = 0; i < kKeys; ++i) made.push_back(testing::numbered_key(i));
  return made;
}

// All threads ask for the same keys.
void BM_Hit(benchmark::State& state) {
  static const std::vector<CacheKey> asked = keys();
  static AnswerCache cache({.memory_bytes = 1024 * 1024 * 1024});
  if (state.thread_index() == 0) {
    for (const CacheKey& key : asked) cache.put(key, answer(1000));
  }
  std::size_t i = static_cast<std::size_t>(state.thread_index()) * 7919;
  for (auto _ : state) benchmark::DoNotOptimize(cache.find(asked[++i % kKeys], 0));
}
BENCHMARK(BM_Hit)->Threads(1)->Threads(2);

// The memory is full: each entry drives out another.
void BM_Put(benchmark::State& state) {
  const std::vector<CacheKey> asked = keys();
  AnswerCache cache({.memory_bytes = 16 * 1024 * 1024});
  const CacheEntryPtr entry = answer(1000);
  std::size_t i = 0;
  for (auto _ : state) cache.put(asked[++i % kKeys], entry);
}
BENCHMARK(BM_Put);

// The same, and all of it to disk, as far as that follows.
void BM_PutOnDisk(benchmark::State& state) {
  std::string folder = (std::filesystem::current_path() / "cache-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) std::abort();
  {
    const std::vector<CacheKey> asked = keys();
    AnswerCache cache({.memory_bytes = 64 * 1024 * 1024,
                       .disk_bytes = 256 * 1024 * 1024,
                       .folder = folder,
                       .encryption_key = Secret("a key of the benchmark")});
    if (!cache.open()) std::abort();
    const CacheEntryPtr entry = answer(static_cast<std::size_t>(state.range(0)));
    std::size_t i = 0;
    for (auto _ : state) cache.put(asked[++i % kKeys], entry);
    cache.stop();
    state.counters["dropped"] = static_cast<double>(cache.figures().dropped);
    state.counters["written"] =
        static_cast<double>(cache.figures().disk.entries + cache.figures().disk.full);
    std::uint64_t files = 0;
    for (const auto& file : std::filesystem::directory_iterator(folder + "/cache")) {
      files += file.file_size();
    }
    state.counters["files_MiB"] = static_cast<double>(files) / 1024 / 1024;
  }
  std::filesystem::remove_all(folder);
}
BENCHMARK(BM_PutOnDisk)->Arg(1000)->Arg(40'000)->Iterations(200'000)->UseRealTime();

void BM_Codec(benchmark::State& state) {
  const CacheEntryPtr entry = answer(4000);
  for (auto _ : state) benchmark::DoNotOptimize(read_entry(write_entry(*entry)));
}
BENCHMARK(BM_Codec);

void BM_Ratio(benchmark::State& state) {
  const testing::TraceKind kind =
      testing::trace_kinds().at(static_cast<std::size_t>(state.range(0)));
  const auto trace = testing::make_trace(kind, kKeys / 5, 600'000);
  for (auto _ : state) {
    state.counters["lru_%"] = 100 * testing::lru_hits(trace, kKeys / 50);
    state.counters["cache_%"] = 100 * testing::tier_hits(trace, kKeys / 50);
  }
  state.SetLabel(kind.name);
}
BENCHMARK(BM_Ratio)->DenseRange(0, 7)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace outrigger::filters
