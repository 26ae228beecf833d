// The one thread that writes the store: what is given to it runs in order, what that writes goes to
// the disk as one synced batch, and everybody learns of it together (group commit, durability 1.7).
// No loop waits for a disk.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/store/ballast.h"
#include "proxy/store/store.h"

namespace outrigger::store {

// What a job sees: the store, with what the jobs before it in the same batch have written.
class Transaction {
 public:
  explicit Transaction(const Store& store) noexcept : store_(store) {}

  [[nodiscard]] Result<std::optional<std::string>> get(std::string_view key) const;
  void put(std::string key, std::string value);
  void erase(std::string key);
  // Records with that prefix from `from` on, in order of keys; without what this batch has written.
  Status scan_from(std::string_view prefix, std::string_view from,
                   const Store::Visit& visit) const {
    return store_.scan_from(prefix, from, visit);
  }

  [[nodiscard]] bool empty() const noexcept { return changes_.empty(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  friend class Journal;
  [[nodiscard]] Batch batch() const;

  const Store& store_;
  std::map<std::string, std::optional<std::string>, std::less<>> changes_;
  std::size_t bytes_ = 0;
};

// Both are called on the journal's thread.
class Job {
 public:
  virtual ~Job() = default;
  // Reads and writes.
  virtual void run(Transaction& store) = 0;
  // What run() wrote is on disk, or is not: then it undoes what it did besides. A job that wrote
  // nothing may have been settled with others that did.
  virtual void settle(const Status& written) = 0;
};

class Journal {
 public:
  // `at_commit` may add to every batch that has something in it.
  Journal() = default;
  ~Journal() { stop(); }
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Opens the store, or makes it, lets `prepare` read and write, and begins to work. Errors of
  // Store::open() and of `prepare`: then it takes no jobs, and may be opened again.
  Status open(const Store::Setup& setup, const std::function<Status(Store&)>& prepare);
  // Finishes what was given, then ends the thread.
  void stop();

  // Any thread. False: `most` jobs or more wait for the disk.
  bool submit(std::unique_ptr<Job> job, std::size_t most = kMostWaiting) {
    return take(std::move(job), most);
  }
  // However many wait: for the end of what has begun.
  void submit_always(std::unique_ptr<Job> job) { take(std::move(job), SIZE_MAX); }
  // For reading, any thread; nullptr while it is not open.
  [[nodiscard]] const Store* store() const noexcept { return open_store_.load(); }
  [[nodiscard]] bool is_open() const noexcept { return store() != nullptr; }
  [[nodiscard]] std::size_t waiting() const;
  // The disk is full: what has begun may end in the room that was kept for it, and nothing new
  // should begin.
  [[nodiscard]] bool tight() const noexcept { return tight_; }
  // Batches that were not written.
  [[nodiscard]] std::uint64_t failures() const noexcept { return failures_; }

  static constexpr std::size_t kMostWaiting = 20'000;
  static constexpr std::size_t kBatchJobs = 1024;
  static constexpr std::size_t kBatchBytes = 4 * 1024 * 1024;

 private:
  using Jobs = std::deque<std::unique_ptr<Job>>;
  bool take(std::unique_ptr<Job> job, std::size_t most);
  void serve();
  void work_on(Jobs& jobs);
  Status write(const Transaction& transaction);
  void keep_ballast();

  std::unique_ptr<Store> store_;  // of the thread, once that runs
  std::atomic<const Store*> open_store_ = nullptr;
  std::atomic<std::uint64_t> failures_ = 0;
  std::atomic<bool> tight_ = false;
  std::optional<Ballast> ballast_;  // of the thread
  std::chrono::steady_clock::time_point ballast_tried_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  Jobs jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace outrigger::store
