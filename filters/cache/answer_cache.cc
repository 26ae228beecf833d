#include "filters/cache/answer_cache.h"

#include <algorithm>
#include <future>
#include <utility>

#include <fmt/format.h>

#include "filters/cache/disk_tier.h"
#include "filters/cache/entry_codec.h"

namespace outrigger::filters {
namespace {

constexpr std::uint64_t kMebibyte = 1024 * 1024;
// Of the whole disk: what one entry may take.
constexpr std::uint64_t kLargestPart = 8;
// For each entry on disk memory keeps some 150 bytes: so all of them take no more than about a
// third of what the entries in memory may.
constexpr std::uint64_t kMemoryForEach = 512;
constexpr std::uint64_t kLeastEntries = 4096;

// What a coroutine on a loop waits for. Outlives both it and the read.
struct Pending {
  Signal done;  // of the loop
  CacheEntryPtr entry;
};

// What is in memory and on disk is one.
Result<Purged> together(std::vector<Fingerprint64> in_memory, DiskTier::Gone on_disk) {
  if (!on_disk) return std::unexpected(std::move(on_disk).error());
  in_memory.insert(in_memory.end(), on_disk->begin(), on_disk->end());
  std::ranges::sort(in_memory);
  const auto repeated = std::ranges::unique(in_memory);
  return Purged{.entries = in_memory.size() - repeated.size()};
}

}  // namespace

AnswerCache::AnswerCache(CacheSettings settings)
    : settings_(std::move(settings)), memory_(settings_.memory_bytes) {}

AnswerCache::~AnswerCache() = default;

Status AnswerCache::open() {
  if (settings_.disk_bytes == 0) return {};
  auto database =
      store::CacheDatabase::open({.path = settings_.folder + "/cache",
                                  .version = fmt::format("1, entries {}", int{kEntryForm}),
                                  .bytes = settings_.disk_bytes,
                                  .encryption_key = settings_.encryption_key,
                                  .env = settings_.env});
  if (!database) return std::unexpected(std::move(database).error());
  const std::string lost = (*database)->lost();
  const DiskShelf::Bounds bounds{
      .bytes = settings_.disk_bytes,
      .entries = std::max(kLeastEntries, settings_.memory_bytes / kMemoryForEach)};
  auto shelf =
      std::make_unique<DiskShelf>(std::move(*database), bounds, settings_.clock,
                                  [this](Fingerprint64 entry) { return memory_.holds(entry); });
  const DiskTier::Bounds tier_bounds{
      .entry_bytes = settings_.disk_bytes / kLargestPart,
      .waiting_bytes = std::clamp(settings_.memory_bytes / 4, 4 * kMebibyte, 64 * kMebibyte)};
  disk_ = std::make_unique<DiskTier>(std::move(shelf), tier_bounds, lost);
  return {};
}

void AnswerCache::stop() {
  if (disk_ != nullptr) disk_->stop();
}

bool AnswerCache::may_be_on_disk(const CacheKey& key) const noexcept {
  return disk_ != nullptr && disk_->may_hold(key);
}

Task<CacheEntryPtr> AnswerCache::load(Dispatcher& loop, const CacheKey& key, CancelScope& scope) {
  if (!may_be_on_disk(key)) co_return nullptr;
  auto pending = std::make_shared<Pending>();
  const bool begun = disk_->read(key, [this, &loop, key, pending](CacheEntryPtr loaded) {
    pending->entry = adopt(key, std::move(loaded));
    loop.post([pending] { pending->done.notify(); });
  });
  if (!begun) co_return nullptr;
  const Status waited = co_await pending->done.wait(scope);
  if (!waited) co_return nullptr;
  co_return std::move(pending->entry);
}

// What was read may have been replaced, erased or purged since.
CacheEntryPtr AnswerCache::adopt(const CacheKey& key, CacheEntryPtr loaded) {
  MemoryTier::Left left;
  const std::scoped_lock lock(mutex_);
  if (memory_.holds(fingerprint_of(key))) {
    if (CacheEntryPtr there = memory_.find(key, settings_.clock())) return there;
  }
  if (auto newer = disk_->waiting(key)) return std::move(*newer);
  if (loaded == nullptr || is_purged(key, *loaded)) return nullptr;
  left = memory_.put(key, loaded);
  return loaded;
}

bool AnswerCache::is_purged(const CacheKey& key, const CacheEntry& entry) const {
  return std::ranges::any_of(purges_,
                             [&](const CachePurge* purge) { return purge->meets(key, entry); });
}

// What leaves memory is freed without the lock, so `left` stands before it.
void AnswerCache::put(const CacheKey& key, CacheEntryPtr entry, Tiers tiers) {
  MemoryTier::Left left;
  const std::scoped_lock lock(mutex_);
  if (is_purged(key, *entry)) {
    left = memory_.erase(key);
    if (disk_ != nullptr) disk_->erase(key);
    return;
  }
  if (disk_ != nullptr && tiers == Tiers::kBoth) disk_->put(key, entry);
  if (disk_ != nullptr && tiers == Tiers::kMemory) disk_->erase(key);
  left = memory_.put(key, std::move(entry));
}

void AnswerCache::erase(const CacheKey& key) {
  MemoryTier::Left left;
  const std::scoped_lock lock(mutex_);
  left = memory_.erase(key);
  if (disk_ != nullptr) disk_->erase(key);
}

Result<Purged> AnswerCache::purge(const CachePurge& purge) {
  std::future<DiskTier::Gone> on_disk;
  {
    const std::scoped_lock lock(mutex_);
    purges_.push_back(&purge);
    if (disk_ != nullptr) on_disk = disk_->purge(purge, PurgeWork::kDrop);
  }
  std::vector<Fingerprint64> gone = memory_.erase_if(
      [&](const CacheKey& key, const CacheEntry& entry) { return purge.meets(key, entry); });
  DiskTier::Gone disk_gone = on_disk.valid() ? on_disk.get() : DiskTier::Gone{};
  {
    const std::scoped_lock lock(mutex_);
    std::erase(purges_, &purge);
  }
  auto purged = together(std::move(gone), std::move(disk_gone));
  if (purged) purged_ += purged->entries;
  return purged;
}

Result<Purged> AnswerCache::count(const CachePurge& purge) {
  std::future<DiskTier::Gone> on_disk;
  if (disk_ != nullptr) on_disk = disk_->purge(purge, PurgeWork::kCount);
  std::vector<Fingerprint64> meant;
  (void)memory_.erase_if([&](const CacheKey& key, const CacheEntry& entry) {
    if (purge.meets(key, entry)) meant.push_back(fingerprint_of(key));
    return false;
  });
  return together(std::move(meant), on_disk.valid() ? on_disk.get() : DiskTier::Gone{});
}

CacheFigures AnswerCache::figures() const {
  CacheFigures figures;
  figures.memory = memory_.figures();
  figures.purged = purged_;
  if (disk_ != nullptr) disk_->add_to(figures);
  return figures;
}

std::optional<std::string> AnswerCache::news() {
  return disk_ != nullptr ? disk_->news() : std::nullopt;
}

}  // namespace outrigger::filters
