#include "filters/cache/disk_shelf.h"

#include <algorithm>

#include "filters/cache/entry_codec.h"

namespace outrigger::filters {
namespace {

using Until = store::CacheDatabase::Until;

// LevelDB gives back the room of what has gone only in time, so that its files are larger than what
// is in them, up to several times. Where they are larger than they may be it is made to, part by
// part; the less is in them, the less often.
constexpr std::uint64_t kFullPercent = 65;
constexpr std::uint64_t kEnoughPercent = 60;
constexpr std::uint64_t kFilesPercent = 90;
constexpr std::uint64_t kPartBytes = 16 * 1024 * 1024;  // so much of what may be there, each
constexpr std::uint64_t kMostParts = 4096;
// What is written, of all that may be there, before all parts are gone through once more.
constexpr std::uint64_t kAgainPart = 16;
// What is done in one go, for whoever waits behind it.
constexpr std::size_t kFoundAtOnce = 1000;
constexpr std::size_t kRemovedAtOnce = 200;

std::unexpected<Error> damaged(std::string detail) {
  return fail(Errc::kSystem, Origin::kProxy, "store_corrupt", std::move(detail));
}

}  // namespace

DiskShelf::DiskShelf(std::unique_ptr<store::CacheDatabase> database, Bounds bounds,
                     WallClock::Read clock, InMemory in_memory)
    : database_(std::move(database)),
      bounds_(bounds),
      clock_(clock),
      in_memory_(std::move(in_memory)),
      parts_(std::clamp<std::uint64_t>(bounds.bytes / kPartBytes, 1, kMostParts)),
      written_bytes_(bounds.bytes) {}

Status DiskShelf::write(leveldb::WriteBatch& batch, Until until) {
  written_bytes_ += batch.ApproximateSize();
  return database_->write(batch, until);
}

Result<std::optional<Manifest>> DiskShelf::manifest_of(Fingerprint64 entry) const {
  const auto text = database_->get(manifest_name(entry), {});
  if (!text) return std::unexpected(text.error());
  if (!*text) return std::nullopt;
  auto manifest = read_manifest(**text);
  if (!manifest) return damaged("a manifest is none");
  return manifest;
}

Result<std::optional<DiskSlot>> DiskShelf::slot_at(Fingerprint64 entry) const {
  if (const DiskSlot* slot = index_.find(entry)) return *slot;
  if (known_) return std::nullopt;
  const auto manifest = manifest_of(entry);
  if (!manifest) return std::unexpected(manifest.error());
  if (!*manifest) return std::nullopt;
  return slot_of(**manifest);
}

Result<std::string> DiskShelf::read_pieces(const Manifest& manifest, std::uint32_t count) const {
  const Fingerprint64 entry = fingerprint_of(manifest.key);
  std::string bytes;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto piece =
        database_->get(piece_name(entry, manifest.written, i), text_of(manifest.key));
    if (!piece) return std::unexpected(piece.error());
    if (!*piece) return damaged("a piece of an entry is missing");
    bytes += **piece;
  }
  return bytes;
}

Result<CacheEntryPtr> DiskShelf::read(const CacheKey& key) {
  const auto manifest = manifest_of(fingerprint_of(key));
  if (!manifest) return std::unexpected(manifest.error());
  if (!*manifest || (*manifest)->key != key || (*manifest)->keep_until_us <= clock_()) {
    return nullptr;
  }
  const auto bytes = read_pieces(**manifest, (*manifest)->pieces());
  if (!bytes) return std::unexpected(bytes.error());
  if (bytes->size() != (*manifest)->length) return damaged("an entry is cut");
  auto entry = read_entry(*bytes);
  if (!entry) return damaged("an entry is none");
  index_.use(fingerprint_of(key));
  return std::make_shared<const CacheEntry>(std::move(*entry));
}

DiskSlot DiskShelf::put(leveldb::WriteBatch& batch, const DiskChange& change) {
  const std::string bytes = write_entry(*change.entry);
  last_written_ = std::max(last_written_ + 1, static_cast<std::uint64_t>(clock_()));
  const Manifest manifest{.key = change.key,
                          .written = last_written_,
                          .length = bytes.size(),
                          .stored_us = change.entry->stored_us,
                          .keep_until_us = change.entry->keep_until_us,
                          .marks = marks_of(*change.entry)};
  const Fingerprint64 entry = fingerprint_of(change.key);
  for (std::uint32_t i = 0; i < manifest.pieces(); ++i) {
    database_->put(batch, piece_name(entry, manifest.written, i), text_of(change.key),
                   std::string_view(bytes).substr(i * CacheEntry::kPiece, CacheEntry::kPiece));
  }
  database_->put(batch, manifest_name(entry), {}, write_manifest(manifest));
  return slot_of(manifest);
}

void DiskShelf::remove(leveldb::WriteBatch& batch, const DiskSlot& slot) {
  batch.Delete(manifest_name(slot.entry));
  Manifest manifest;
  manifest.length = slot.length;
  for (std::uint32_t i = 0; i < manifest.pieces(); ++i) {
    batch.Delete(piece_name(slot.entry, slot.written, i));
  }
}

// What an entry replaces goes with the batch that brings it, so that there is never more or less of
// either.
Status DiskShelf::write(std::span<const DiskChange> changes, Until until) {
  leveldb::WriteBatch batch;
  std::vector<DiskSlot> put_slots;
  for (const DiskChange& change : changes) {
    const auto before = slot_at(fingerprint_of(change.key));
    if (!before) return std::unexpected(before.error());
    if (*before) {
      remove(batch, **before);
      last_written_ = std::max(last_written_, (*before)->written);
    }
    if (change.entry != nullptr) put_slots.push_back(put(batch, change));
  }
  if (Status written = write(batch, until); !written) return written;
  for (const DiskChange& change : changes) {
    if (change.entry == nullptr) index_.erase(fingerprint_of(change.key));
  }
  for (const DiskSlot& slot : put_slots) index_.put(slot);
  return {};
}

Status DiskShelf::remove(std::span<const DiskSlot> slots, Until until) {
  leveldb::WriteBatch batch;
  for (const DiskSlot& slot : slots) remove(batch, slot);
  if (Status written = write(batch, until); !written) return written;
  for (const DiskSlot& slot : slots) index_.erase(slot.entry);
  return {};
}

Result<bool> DiskShelf::tidy() {
  if (!known_) {
    if (Status found = find_some(); !found) return std::unexpected(std::move(found).error());
    return true;
  }
  making_room_ = over(making_room_ ? kEnoughPercent : kFullPercent);
  if (making_room_) {
    if (Status made = make_some_room(); !made) return std::unexpected(std::move(made).error());
    return true;
  }
  if (compact_some()) return true;
  const std::vector<DiskSlot> expired = index_.some_expired(clock_());
  if (expired.empty()) return false;
  counts_.expired += expired.size();
  if (Status removed = remove(expired, Until::kSystem); !removed) {
    return std::unexpected(std::move(removed).error());
  }
  return false;
}

Status DiskShelf::find_some() {
  std::size_t found = 0;
  bool wrong = false;
  const std::string first = found_up_to_;
  const Status scanned =
      database_->scan(kManifestPrefix, first, [&](std::string_view name, std::string_view value) {
        if (name == first) return true;
        const auto manifest = read_manifest(value);
        wrong = !manifest || entry_named(name) != fingerprint_of(manifest->key);
        if (wrong) return false;
        // What was written since the start is known better.
        if (index_.find(fingerprint_of(manifest->key)) == nullptr) index_.put(slot_of(*manifest));
        last_written_ = std::max(last_written_, manifest->written);
        found_up_to_ = name;
        return ++found < kFoundAtOnce;
      });
  if (!scanned) return scanned;
  if (wrong) return damaged("a manifest is none");
  if (found < kFoundAtOnce) {
    index_.sort_by_age();
    known_ = true;
  }
  return {};
}

bool DiskShelf::over(std::uint64_t percent) const {
  return index_.bytes() > bounds_.bytes / 100 * percent ||
         index_.entries() > bounds_.entries / 100 * (percent + 100 - kFullPercent);
}

Status DiskShelf::make_some_room() {
  leveldb::WriteBatch batch;
  for (std::size_t i = 0; i < kRemovedAtOnce && over(kEnoughPercent); ++i) {
    const auto slot = index_.next_to_go(in_memory_);
    if (!slot) break;
    remove(batch, *slot);
    index_.erase(slot->entry);
    ++counts_.full;
  }
  return write(batch, Until::kSystem);
}

// One part, where the files are larger than they may be.
bool DiskShelf::compact_some() {
  if (database_->file_bytes() <= bounds_.bytes / 100 * kFilesPercent) {
    parts_left_ = 0;
    return false;
  }
  if (parts_left_ == 0) {
    if (written_bytes_ < bounds_.bytes / kAgainPart) return false;
    parts_left_ = parts_;
    written_bytes_ = 0;
  }
  const std::uint64_t size = UINT64_MAX / parts_;
  const Fingerprint64 first = next_part_ * size;
  const Fingerprint64 last = next_part_ + 1 == parts_ ? UINT64_MAX : first + size;
  database_->compact(piece_name(first, 0, 0), piece_name(last, UINT64_MAX, UINT32_MAX));
  database_->compact(manifest_name(first), manifest_name(last));
  next_part_ = (next_part_ + 1) % parts_;
  --parts_left_;
  return true;
}

PurgeRun DiskShelf::begin_purge(CachePurge purge, PurgeWork work) const {
  PurgeRun run{.purge = std::move(purge), .work = work, .left = {}, .purged = {}};
  if (!run.purge.key) {
    run.left = index_.marked(marks_of(run.purge), run.purge.stored_before_us);
  } else if (const DiskSlot* slot = index_.find(fingerprint_of(*run.purge.key))) {
    run.left.push_back(*slot);
  }
  return run;
}

// The marks say only that it may be. What tells for sure lies in the first piece, most often.
Result<bool> DiskShelf::is_meant(const CachePurge& purge, const DiskSlot& slot) const {
  const auto manifest = manifest_of(slot.entry);
  if (!manifest) return std::unexpected(manifest.error());
  if (!*manifest) return damaged("a manifest is missing");
  std::optional<CacheEntry> entry;
  for (const std::uint32_t pieces : {std::uint32_t{1}, (*manifest)->pieces()}) {
    if (entry) break;
    const auto bytes = read_pieces(**manifest, pieces);
    if (!bytes) return std::unexpected(bytes.error());
    entry = read_entry(*bytes);
  }
  if (!entry) return damaged("an entry is none");
  return purge.meets((*manifest)->key, *entry);
}

Result<bool> DiskShelf::go_on(PurgeRun& run) {
  std::vector<DiskSlot> meant;
  for (std::size_t i = 0; i < kRemovedAtOnce && !run.left.empty(); ++i) {
    const DiskSlot slot = run.left.back();
    run.left.pop_back();
    // It has been replaced, or has gone: then its successor was looked at when it came.
    const DiskSlot* now = index_.find(slot.entry);
    if (now == nullptr || now->written != slot.written) continue;
    const auto is = is_meant(run.purge, slot);
    if (!is) return std::unexpected(is.error());
    if (*is) meant.push_back(slot);
  }
  if (!meant.empty() && run.work == PurgeWork::kDrop) {
    if (Status removed = remove(meant, Until::kDisk); !removed) {
      return std::unexpected(std::move(removed).error());
    }
  }
  for (const DiskSlot& slot : meant) run.purged.push_back(slot.entry);
  return !run.left.empty();
}

Status DiskShelf::begin_anew() {
  index_.clear();
  known_ = true;
  making_room_ = false;
  return database_->begin_anew();
}

}  // namespace outrigger::filters
