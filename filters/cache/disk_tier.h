// The answers on disk: a thread of its own that reads before it writes, and a queue for it that is
// bounded in bytes. No one who calls waits for the disk, but for a purge. When anything is wrong
// with the disk all that is on it is dropped, and it is begun anew.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "filters/cache/cache_figures.h"
#include "filters/cache/cache_purge.h"
#include "filters/cache/disk_shelf.h"
#include "filters/cache/entry.h"
#include "proxy/base/result.h"

namespace outrigger::filters {

class DiskTier {
 public:
  struct Bounds {
    std::uint64_t entry_bytes = 0;    // of the largest entry
    std::uint64_t waiting_bytes = 0;  // of what may wait for the disk
  };
  // `lost`: why what was there is gone, or empty.
  DiskTier(std::unique_ptr<DiskShelf> shelf, Bounds bounds, std::string_view lost);
  ~DiskTier() { stop(); }
  DiskTier(const DiskTier&) = delete;
  DiskTier& operator=(const DiskTier&) = delete;
  // Brings to disk what waits, answers who waits for something, and ends the thread.
  void stop();

  // ---- any thread ----

  [[nodiscard]] bool may_hold(const CacheKey& key) const;
  // Calls `done` on the tier's thread with what is there, or with nullptr. False: it will not,
  // because too many wait or nothing is served.
  using Done = std::function<void(CacheEntryPtr)>;
  [[nodiscard]] bool read(const CacheKey& key, Done done);
  // What is not put, because it is too long or too much waits, is erased.
  void put(const CacheKey& key, CacheEntryPtr entry);
  void erase(const CacheKey& key);
  // What is to replace what is on disk: an entry, or nullptr where that is to go.
  [[nodiscard]] std::optional<CacheEntryPtr> waiting(const CacheKey& key) const;
  // What waits and is meant goes at once, the rest until the future is there; meanwhile nothing
  // that is meant may be put. What has gone, some of it twice.
  using Gone = Result<std::vector<Fingerprint64>>;
  // With kCount nothing goes.
  [[nodiscard]] std::future<Gone> purge(const CachePurge& purge, PurgeWork work);
  void add_to(CacheFigures& figures) const;
  [[nodiscard]] std::optional<std::string> news();

 private:
  struct Change {
    DiskChange what;
    std::uint64_t bytes = 0;
    std::uint64_t number = 0;  // tells it from one that came while it was written
    bool queued = false;       // false: it is being written
  };
  struct Read {
    CacheKey key;
    Done done;
  };
  struct Purge {
    CachePurge what;
    PurgeWork work = PurgeWork::kDrop;
    std::uint64_t after = 0;  // so many changes come first
    std::vector<Fingerprint64> gone = {};
    std::optional<PurgeRun> run = {};
    std::promise<Gone> told = {};
  };
  using Lock = std::unique_lock<std::mutex>;
  using Clock = std::chrono::steady_clock;

  // Under the lock.
  [[nodiscard]] bool counts() const noexcept { return serves_ && !spoilt_; }
  [[nodiscard]] bool holds(const CacheKey& key) const;
  void change(const CacheKey& key, CacheEntryPtr entry, std::uint64_t bytes);
  void erase_held(const CacheKey& key);
  void drop_changes();
  [[nodiscard]] std::vector<Fingerprint64> purge_waiting(const CachePurge& purge, PurgeWork work);
  [[nodiscard]] bool idle() const { return reads_.empty() && purges_.empty() && queue_.empty(); }

  // On the thread, which has the lock before and after, but not while it works with the disk.
  void serve();
  void read_one(Lock& lock);
  void purge_some(Lock& lock);
  void write_some(Lock& lock);
  [[nodiscard]] std::vector<Change> take_some();
  [[nodiscard]] bool tidy(Lock& lock);
  void end_purge(Gone gone);
  Status empty(Lock& lock);
  void lose(Lock& lock, std::string_view why);

  const std::unique_ptr<DiskShelf> shelf_;  // of the thread; its index of any
  const Bounds bounds_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  bool serves_ = true;   // the database is open
  bool spoilt_ = false;  // more was to be erased than could wait: nothing on disk counts
  bool known_ = false;   // the index is complete
  std::deque<Read> reads_;
  std::unordered_map<Fingerprint64, Change> changes_;
  std::deque<Fingerprint64> queue_;          // of them
  std::uint64_t queued_ = 0, dequeued_ = 0;  // ever
  std::uint64_t last_number_ = 0;
  std::uint64_t waiting_bytes_ = 0;
  std::deque<Purge> purges_;
  std::optional<std::string> news_;
  std::uint64_t hits_ = 0, misses_ = 0, dropped_ = 0, begun_anew_ = 0;
  DiskShelf::Counts counts_;
  Clock::time_point may_serve_at_;  // while it does not
  std::optional<Clock::time_point> lost_at_;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace outrigger::filters
