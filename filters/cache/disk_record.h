// How an entry lies in the database: its bytes (entry_codec.h) cut into pieces, and a manifest that
// says what they are and whose. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "filters/cache/cache_purge.h"
#include "filters/cache/entry.h"
#include "filters/cache/memory_shard.h"

namespace outrigger::filters {

// By which entries that a purge may be meant for are found without reading them: a few bits for the
// upstream, the model and each tag.
[[nodiscard]] std::uint64_t marks_of(const CacheEntry& entry) noexcept;
// Those that an entry must have that it is meant for.
[[nodiscard]] std::uint64_t marks_of(const CachePurge& purge) noexcept;

struct Manifest {
  CacheKey key{};
  std::uint64_t written = 0;  // a number that no other entry of the key has: it names the pieces
  std::uint64_t length = 0;   // of the entry's bytes
  std::int64_t stored_us = 0;
  std::int64_t keep_until_us = 0;
  std::uint64_t marks = 0;

  [[nodiscard]] std::uint32_t pieces() const noexcept;
  // What the entry takes on disk, about.
  [[nodiscard]] std::uint64_t disk_bytes() const noexcept;
  bool operator==(const Manifest&) const = default;
};

[[nodiscard]] std::string write_manifest(const Manifest& manifest);
[[nodiscard]] std::optional<Manifest> read_manifest(std::string_view bytes);

// Keys of the database.
inline constexpr std::string_view kManifestPrefix = "e";
[[nodiscard]] std::string manifest_name(Fingerprint64 entry);
[[nodiscard]] std::optional<Fingerprint64> entry_named(std::string_view manifest_name) noexcept;
// `number` < pieces(). Its value is bound to the entry's key.
[[nodiscard]] std::string piece_name(Fingerprint64 entry, std::uint64_t written,
                                     std::uint32_t number);

}  // namespace outrigger::filters
