// How the cache does, for metrics and for people.
#pragma once

#include <cstdint>

namespace outrigger::filters {

struct TierFigures {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  // Entries that left it, by reason.
  std::uint64_t full = 0;
  std::uint64_t expired = 0;
};

struct CacheFigures {
  TierFigures memory;
  TierFigures disk;
  std::uint64_t purged = 0;         // entries, of both tiers
  std::uint64_t dropped = 0;        // not written, because too much waited for the disk
  std::uint64_t begun_anew = 0;     // times that all on disk was lost to damage or a failed write
  std::uint64_t waiting = 0;        // changes that wait for the disk
  std::uint64_t waiting_bytes = 0;  // of them
  bool disk_serves = false;
};

}  // namespace outrigger::filters
