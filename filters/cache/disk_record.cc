#include "filters/cache/disk_record.h"

#include <algorithm>
#include <concepts>

#include "filters/intake/siphash.h"

namespace outrigger::filters {
namespace {

constexpr std::string_view kPiecePrefix = "p";
constexpr std::size_t kManifestBytes = sizeof(CacheKey) + 5 * sizeof(std::uint64_t);
// What a record takes besides its value: key, seal, LevelDB's own.
constexpr std::uint64_t kRecordBytes = 80;

template <std::unsigned_integral T>
void put(std::string& out, T value) {
  for (int shift = static_cast<int>(sizeof value) * 8 - 8; shift >= 0; shift -= 8) {
    out += static_cast<char>(value >> shift);
  }
}

std::uint64_t number(std::string_view& bytes) noexcept {
  std::uint64_t value = 0;
  for (const char byte : bytes.substr(0, sizeof value)) {
    value = value << 8 | static_cast<std::uint8_t>(byte);
  }
  bytes.remove_prefix(sizeof value);
  return value;
}

// Two of the bits. The key of the hash is no secret: the marks are sealed with the rest, and who
// makes them collide has a purge read more than it need.
std::uint64_t mark(std::uint64_t kind, std::string_view text) noexcept {
  if (text.empty()) return 0;
  const std::uint64_t hash = siphash({kind, 0}, text);
  return std::uint64_t{1} << (hash % 64) | std::uint64_t{1} << (hash / 64 % 64);
}

constexpr std::uint64_t kUpstream = 1, kModel = 2, kTag = 3;

}  // namespace

std::uint64_t marks_of(const CacheEntry& entry) noexcept {
  std::uint64_t marks = mark(kUpstream, entry.upstream) | mark(kModel, entry.model);
  for (const std::string& tag : entry.tags) marks |= mark(kTag, tag);
  return marks;
}

std::uint64_t marks_of(const CachePurge& purge) noexcept {
  return mark(kUpstream, purge.upstream) | mark(kModel, purge.model) | mark(kTag, purge.tag);
}

std::uint32_t Manifest::pieces() const noexcept {
  return static_cast<std::uint32_t>((length + CacheEntry::kPiece - 1) / CacheEntry::kPiece);
}

std::uint64_t Manifest::disk_bytes() const noexcept {
  return length + kManifestBytes + kRecordBytes * (pieces() + std::uint64_t{1});
}

std::string write_manifest(const Manifest& manifest) {
  std::string out(text_of(manifest.key));
  put(out, manifest.written);
  put(out, manifest.length);
  put(out, static_cast<std::uint64_t>(manifest.stored_us));
  put(out, static_cast<std::uint64_t>(manifest.keep_until_us));
  put(out, manifest.marks);
  return out;
}

std::optional<Manifest> read_manifest(std::string_view bytes) {
  if (bytes.size() != kManifestBytes) return std::nullopt;
  Manifest manifest;
  std::ranges::copy(bytes.substr(0, manifest.key.size()), manifest.key.begin());
  bytes.remove_prefix(manifest.key.size());
  manifest.written = number(bytes);
  manifest.length = number(bytes);
  manifest.stored_us = static_cast<std::int64_t>(number(bytes));
  manifest.keep_until_us = static_cast<std::int64_t>(number(bytes));
  manifest.marks = number(bytes);
  return manifest;
}

std::string manifest_name(Fingerprint64 entry) {
  std::string name(kManifestPrefix);
  put(name, entry);
  return name;
}

std::optional<Fingerprint64> entry_named(std::string_view manifest_name) noexcept {
  if (manifest_name.size() != kManifestPrefix.size() + sizeof(Fingerprint64)) return std::nullopt;
  manifest_name.remove_prefix(kManifestPrefix.size());
  return number(manifest_name);
}

std::string piece_name(Fingerprint64 entry, std::uint64_t written, std::uint32_t piece) {
  std::string name(kPiecePrefix);
  put(name, entry);
  put(name, written);
  put(name, piece);
  return name;
}

}  // namespace outrigger::filters
