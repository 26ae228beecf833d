// What a cache is asked for, from a fixed seed: popularity by Zipf's law, scans and keys that are
// asked for once, and popularity that moves; and a plain LRU to hold the cache against.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "filters/cache/memory_tier.h"
#include "proxy/base/random.h"

namespace outrigger::filters::testing {

struct TraceKind {
  std::string name;
  double skew = 1;           // Zipf's exponent
  double once = 0;           // the part of requests for keys that nobody asks for again
  double scanned = 0;        // the part of requests that go through all keys in order
  std::uint64_t shifts = 0;  // how often other keys become the popular ones
};

inline std::vector<std::uint64_t> make_trace(const TraceKind& kind, std::uint64_t keys,
                                             std::size_t requests) {
  std::vector<double> up_to(keys);
  double sum = 0;
  for (std::uint64_t i = 0; i < keys; ++i) {
    up_to[i] = sum += std::pow(static_cast<double>(i + 1), -kind.skew);
  }
  Random random(20'260'101);
  std::vector<std::uint64_t> trace(requests);
  std::uint64_t next_once = keys, scan = 0, scan_left = 0;
  for (std::size_t i = 0; i < requests; ++i) {
    const std::uint64_t shift = i * (kind.shifts + 1) / requests * (keys / 20);
    // Scans come in runs of half as many keys as a cache of a tenth has.
    if (scan_left == 0 && random.unit() < kind.scanned / (static_cast<double>(keys) / 20)) {
      scan_left = keys / 20;
    }
    if (scan_left > 0) {
      --scan_left;
      trace[i] = scan++ % keys;
    } else if (random.unit() < kind.once) {
      trace[i] = next_once++;
    } else {
      const auto rank = std::ranges::upper_bound(up_to, random.unit() * sum) - up_to.begin();
      trace[i] = (static_cast<std::uint64_t>(rank) + shift) % keys;
    }
  }
  return trace;
}

inline std::vector<TraceKind> trace_kinds() {
  return {{.name = "zipf 0.8", .skew = 0.8},
          {.name = "zipf 0.9", .skew = 0.9},
          {.name = "zipf 1.0", .skew = 1.0},
          {.name = "zipf 1.2", .skew = 1.2},
          {.name = "zipf 0.9, once 20 %, scans 10 %", .skew = 0.9, .once = 0.2, .scanned = 0.1},
          {.name = "zipf 1.0, once 20 %, scans 10 %", .skew = 1.0, .once = 0.2, .scanned = 0.1},
          {.name = "zipf 1.0, scans 30 %", .skew = 1.0, .scanned = 0.3},
          {.name = "zipf 1.0, 20 shifts", .skew = 1.0, .shifts = 20}};
}

// The key with that number, spread as a hash is.
inline CacheKey numbered_key(std::uint64_t number) {
  Random random(number);
  CacheKey key{};
  for (std::size_t at = 0; at < key.size(); at += 8) {
    const std::uint64_t bits = random.next();
    std::memcpy(key.data() + at, &bits, sizeof bits);
  }
  return key;
}

inline CacheEntryPtr small_entry() {
  CacheEntry entry;
  entry.keep_until_us = INT64_MAX;
  return std::make_shared<const CacheEntry>(std::move(entry));
}

// The part of the requests that a plain LRU of so many entries answers.
inline double lru_hits(const std::vector<std::uint64_t>& trace, std::size_t entries) {
  std::list<std::uint64_t> recent;
  std::unordered_map<std::uint64_t, std::list<std::uint64_t>::iterator> known;
  std::size_t hits = 0;
  for (const std::uint64_t key : trace) {
    if (const auto at = known.find(key); at != known.end()) {
      ++hits;
      recent.splice(recent.begin(), recent, at->second);
      continue;
    }
    if (known.size() >= entries) {
      known.erase(recent.back());
      recent.pop_back();
    }
    recent.push_front(key);
    known.emplace(key, recent.begin());
  }
  return static_cast<double>(hits) / static_cast<double>(trace.size());
}

// The part that the memory tier answers when it has room for as many.
inline double tier_hits(const std::vector<std::uint64_t>& trace, std::size_t entries) {
  const CacheEntryPtr entry = small_entry();
  MemoryTier probe(1024 * 1024);
  probe.put(numbered_key(0), entry);
  MemoryTier tier(entries * probe.figures().bytes);
  std::size_t hits = 0;
  for (const std::uint64_t number : trace) {
    const CacheKey key = numbered_key(number);
    if (tier.find(key, 0) != nullptr) {
      ++hits;
    } else {
      tier.put(key, entry);
    }
  }
  return static_cast<double>(hits) / static_cast<double>(trace.size());
}

}  // namespace outrigger::filters::testing
