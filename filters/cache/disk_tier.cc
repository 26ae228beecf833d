#include "filters/cache/disk_tier.h"

#include <utility>

#include <fmt/format.h>

namespace outrigger::filters {
namespace {

using Until = store::CacheDatabase::Until;

constexpr std::size_t kMostReads = 4096;
constexpr std::size_t kBatchBytes = 1024 * 1024;
constexpr std::uint64_t kEraseBytes = 256;
constexpr std::chrono::seconds kTidyEvery{1};
// A disk that fails again within that time is left alone for as long.
constexpr std::chrono::seconds kPause{30};

}  // namespace

DiskTier::DiskTier(std::unique_ptr<DiskShelf> shelf, Bounds bounds, std::string_view lost)
    : shelf_(std::move(shelf)), bounds_(bounds) {
  if (!lost.empty()) {
    ++begun_anew_;
    news_ = fmt::format("what the cache had on disk is gone: {}", lost);
  }
  thread_ = std::thread([this] { serve(); });
}

void DiskTier::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

bool DiskTier::holds(const CacheKey& key) const {
  if (!counts()) return false;
  const Fingerprint64 entry = fingerprint_of(key);
  if (const auto change = changes_.find(entry); change != changes_.end()) {
    return change->second.what.key == key && change->second.what.entry != nullptr;
  }
  return !known_ || shelf_->index().holds(entry);
}

bool DiskTier::may_hold(const CacheKey& key) const {
  const std::scoped_lock lock(mutex_);
  return holds(key);
}

bool DiskTier::read(const CacheKey& key, Done done) {
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_ || !counts() || reads_.size() >= kMostReads) return false;
    reads_.push_back({key, std::move(done)});
  }
  wake_.notify_one();
  return true;
}

void DiskTier::put(const CacheKey& key, CacheEntryPtr entry) {
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_ || !counts()) return;
    const std::uint64_t bytes = entry->weight();
    if (bytes > bounds_.entry_bytes) return erase_held(key);
    if (waiting_bytes_ > 0 && waiting_bytes_ + bytes > bounds_.waiting_bytes) {
      ++dropped_;
      return erase_held(key);
    }
    change(key, std::move(entry), bytes);
  }
  wake_.notify_one();
}

void DiskTier::erase(const CacheKey& key) {
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_) return;
    erase_held(key);
  }
  wake_.notify_one();
}

void DiskTier::erase_held(const CacheKey& key) {
  if (!holds(key)) return;
  if (waiting_bytes_ + kEraseBytes > 2 * bounds_.waiting_bytes) {
    spoilt_ = true;
    return drop_changes();
  }
  change(key, nullptr, kEraseBytes);
}

void DiskTier::change(const CacheKey& key, CacheEntryPtr entry, std::uint64_t bytes) {
  Change& change = changes_[fingerprint_of(key)];
  waiting_bytes_ = waiting_bytes_ - change.bytes + bytes;
  change.what = {key, std::move(entry)};
  change.bytes = bytes;
  change.number = ++last_number_;
  if (std::exchange(change.queued, true)) return;
  queue_.push_back(fingerprint_of(key));
  ++queued_;
}

void DiskTier::drop_changes() {
  changes_.clear();
  queue_.clear();
  dequeued_ = queued_;
  waiting_bytes_ = 0;
}

std::optional<CacheEntryPtr> DiskTier::waiting(const CacheKey& key) const {
  const std::scoped_lock lock(mutex_);
  if (!counts()) return nullptr;
  const auto change = changes_.find(fingerprint_of(key));
  if (change == changes_.end()) return std::nullopt;
  return change->second.what.key == key ? change->second.what.entry : nullptr;
}

// What waits becomes an erasure, because an earlier one may be on disk, or this one be on its way
// there.
std::vector<Fingerprint64> DiskTier::purge_waiting(const CachePurge& purge, PurgeWork work) {
  std::vector<DiskChange> meant;
  for (const auto& [entry, change] : changes_) {
    if (change.what.entry == nullptr) continue;
    if (purge.meets(change.what.key, *change.what.entry)) meant.push_back(change.what);
  }
  std::vector<Fingerprint64> gone;
  for (const DiskChange& what : meant) {
    if (work == PurgeWork::kDrop) change(what.key, nullptr, kEraseBytes);
    gone.push_back(fingerprint_of(what.key));
  }
  return gone;
}

std::future<DiskTier::Gone> DiskTier::purge(const CachePurge& purge, PurgeWork work) {
  std::future<Gone> told;
  {
    const std::scoped_lock lock(mutex_);
    Purge begun{.what = purge, .work = work};
    told = begun.told.get_future();
    if (stopping_) {
      begun.told.set_value(
          fail(Errc::kSystem, Origin::kProxy, "store_io", "the cache on disk is closed"));
      return told;
    }
    begun.gone = purge_waiting(purge, work);
    begun.after = queued_;
    purges_.push_back(std::move(begun));
  }
  wake_.notify_one();
  return told;
}

void DiskTier::add_to(CacheFigures& figures) const {
  const std::scoped_lock lock(mutex_);
  figures.disk = {.entries = shelf_->index().entries(),
                  .bytes = shelf_->index().bytes(),
                  .hits = hits_,
                  .misses = misses_,
                  .full = counts_.full,
                  .expired = counts_.expired};
  figures.dropped = dropped_;
  figures.begun_anew = begun_anew_;
  figures.waiting = queue_.size();
  figures.waiting_bytes = waiting_bytes_;
  figures.disk_serves = serves_;
}

std::optional<std::string> DiskTier::news() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(news_, std::nullopt);
}

// ---- the thread ----

void DiskTier::serve() {
  Lock lock(mutex_);
  bool more = true;
  for (;;) {
    if (!more) wake_.wait_for(lock, kTidyEvery, [this] { return stopping_ || !idle(); });
    if (stopping_ && idle()) return;
    if (spoilt_) lose(lock, "more was to be erased than the disk could follow");
    if (!serves_ && Clock::now() >= may_serve_at_) (void)empty(lock);
    if (!reads_.empty()) {
      read_one(lock);
      continue;
    }
    purge_some(lock);
    write_some(lock);
    more = tidy(lock);
  }
}

void DiskTier::read_one(Lock& lock) {
  Read read = std::move(reads_.front());
  reads_.pop_front();
  const bool served = counts();
  lock.unlock();
  Result<CacheEntryPtr> found = served ? shelf_->read(read.key) : nullptr;
  const CacheEntryPtr entry = found ? *found : nullptr;
  read.done(entry);
  read.done = nullptr;
  lock.lock();
  ++(entry != nullptr ? hits_ : misses_);
  if (!found) lose(lock, found.error().detail);
}

std::vector<DiskTier::Change> DiskTier::take_some() {
  std::vector<Change> taken;
  std::uint64_t bytes = 0;
  while (!queue_.empty() && bytes < kBatchBytes) {
    Change& change = changes_.find(queue_.front())->second;
    queue_.pop_front();
    ++dequeued_;
    change.queued = false;
    bytes += change.bytes;
    taken.push_back(change);
  }
  return taken;
}

// What is written stays among the changes until it is on disk, so that it can be had all the time.
void DiskTier::write_some(Lock& lock) {
  std::vector<Change> taken = take_some();
  if (taken.empty()) return;
  const Until until = purges_.empty() ? Until::kSystem : Until::kDisk;
  lock.unlock();
  std::vector<DiskChange> changes;
  for (const Change& change : taken) changes.push_back(change.what);
  const Status written = shelf_->write(changes, until);
  lock.lock();
  if (!written) return lose(lock, written.error().detail);
  for (const Change& change : taken) {
    const auto known = changes_.find(fingerprint_of(change.what.key));
    if (known == changes_.end() || known->second.number != change.number) continue;
    waiting_bytes_ -= change.bytes;
    changes_.erase(known);
  }
  // What only these held is freed without the lock.
  lock.unlock();
  changes.clear();
  taken.clear();
  lock.lock();
}

void DiskTier::purge_some(Lock& lock) {
  if (purges_.empty()) return;
  Purge& purge = purges_.front();
  if (!serves_) {
    const Status emptied = empty(lock);
    if (!emptied) return end_purge(std::unexpected(emptied.error()));
  }
  if (!known_ || dequeued_ < purge.after) return;
  lock.unlock();
  if (!purge.run) purge.run = shelf_->begin_purge(purge.what, purge.work);
  const bool everything = purge.what.everything() && purge.work == PurgeWork::kDrop;
  const Result<bool> more = everything ? false : shelf_->go_on(*purge.run);
  lock.lock();
  if (!more) return lose(lock, more.error().detail);  // and then it goes on, and finds nothing
  if (*more) return;
  if (everything) {
    for (const DiskSlot& slot : purge.run->left) purge.run->purged.push_back(slot.entry);
    const Status emptied = empty(lock);
    if (!emptied) return end_purge(std::unexpected(emptied.error()));
  }
  purge.gone.insert(purge.gone.end(), purge.run->purged.begin(), purge.run->purged.end());
  end_purge(std::move(purge.gone));
}

void DiskTier::end_purge(Gone gone) {
  purges_.front().told.set_value(std::move(gone));
  purges_.pop_front();
}

bool DiskTier::tidy(Lock& lock) {
  if (!counts()) return false;
  lock.unlock();
  const Result<bool> more = shelf_->tidy();
  lock.lock();
  known_ = shelf_->known();
  counts_ = shelf_->counts();
  if (!more) lose(lock, more.error().detail);
  return more && *more;
}

// Meanwhile nothing is served and nothing taken.
Status DiskTier::empty(Lock& lock) {
  serves_ = false;
  lock.unlock();
  Status emptied = shelf_->begin_anew();
  lock.lock();
  drop_changes();
  serves_ = emptied.has_value();
  known_ = true;
  spoilt_ = false;
  may_serve_at_ = Clock::now() + kPause;
  return emptied;
}

void DiskTier::lose(Lock& lock, std::string_view why) {
  const auto now = Clock::now();
  const bool again = lost_at_ && now - *lost_at_ < kPause;
  lost_at_ = now;
  ++begun_anew_;
  news_ = fmt::format("what the cache had on disk is gone: {}", why);
  const Status emptied = empty(lock);
  if (!emptied) {
    news_ = fmt::format("the cache is in memory only: {}", emptied.error().detail.view());
  } else if (again) {
    serves_ = false;
  }
}

}  // namespace outrigger::filters
