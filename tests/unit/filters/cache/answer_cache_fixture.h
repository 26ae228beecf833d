// A cache with a data folder of its own, asked by coroutines of one loop. What waits for the
// cache's thread is waited for: nothing depends on how fast that is.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <semaphore>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "filters/cache/answer_cache.h"
#include "proxy/runtime/task_group.h"
#include "tests/unit/filters/cache/cache_traces.h"

namespace outrigger::filters::testing {

// A loop that runs what is posted to it.
class CacheLoop final : public Dispatcher {
 public:
  [[nodiscard]] TimePoint fresh_now() noexcept override { return now_; }
  void post(std::function<void()> work) override {
    {
      const std::scoped_lock lock(mutex_);
      posted_.push_back(std::move(work));
    }
    there_.release();
  }
  // Waits for what is posted, and runs it, until nobody waits any more.
  void run(TaskGroup& group) {
    turn();
    while (!group.empty()) {
      there_.acquire();
      std::function<void()> work;
      {
        const std::scoped_lock lock(mutex_);
        work = std::move(posted_.front());
        posted_.erase(posted_.begin());
      }
      work();
      turn();
    }
  }

 private:
  void wake_at(TimePoint) noexcept override {}

  std::mutex mutex_;
  std::counting_semaphore<> there_{0};
  std::vector<std::function<void()>> posted_;
};

inline constexpr std::int64_t kCacheStart = 1'764'000'000'000'000;
inline std::atomic<std::int64_t> cache_time{kCacheStart};
inline std::int64_t read_cache_time() noexcept {
  return cache_time;
}

class AnswerCacheTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kMebibyte = 1024 * 1024;

  AnswerCacheTest() {
    cache_time = kCacheStart;
    const bool in_memory = std::filesystem::is_directory("/dev/shm");
    const std::filesystem::path parent =
        in_memory ? "/dev/shm" : std::filesystem::temp_directory_path();
    std::string pattern = (parent / "cache-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    settings_.memory_bytes = 16 * kMebibyte;
    settings_.disk_bytes = 64 * kMebibyte;
    settings_.folder = folder_;
    settings_.clock = &read_cache_time;
  }
  ~AnswerCacheTest() override {
    cache_.reset();
    std::filesystem::remove_all(folder_);
  }

  // As after a start: memory is empty.
  void open() {
    cache_.reset();
    cache_ = std::make_unique<AnswerCache>(settings_);
    const Status opened = cache_->open();
    ASSERT_TRUE(opened) << opened.error().detail;
  }
  // All that was put and erased is on disk, and what was there is known.
  void settle() const {
    CachePurge nothing;
    nothing.key = numbered_key(UINT64_MAX);
    ASSERT_TRUE(cache_->purge(nothing));
  }
  static CacheEntryPtr entry(std::uint64_t number, std::size_t bytes = 100) {
    CacheEntry entry;
    entry.kind = CacheEntry::Kind::kPrompt;
    entry.upstream = number % 2 == 0 ? "even" : "odd";
    entry.model = "model-" + std::to_string(number % 3);
    entry.tags = {"tag-" + std::to_string(number % 5), "all"};
    entry.stored_us = kCacheStart + static_cast<std::int64_t>(number);
    entry.keep_until_us = kCacheStart + 3'600'000'000;
    entry.head = {.status = 200, .fields = {{"x-number", std::to_string(number)}}, .length = bytes};
    entry.epoch = number;
    std::string body;
    Random random(number);
    while (body.size() < bytes) body += static_cast<char>(random.next());
    for (std::size_t at = 0; at < bytes; at += CacheEntry::kPiece) {
      entry.body.push_back(body.substr(at, CacheEntry::kPiece));
    }
    return std::make_shared<const CacheEntry>(std::move(entry));
  }
  void put(std::uint64_t number, std::size_t bytes = 100) const {
    cache_->put(numbered_key(number), entry(number, bytes));
  }
  CacheEntryPtr find(std::uint64_t number) const {
    return cache_->find(numbered_key(number), cache_time);
  }
  CacheEntryPtr load(const CacheKey& key) {
    CacheEntryPtr found;
    CancelScope scope;
    TaskGroup group(loop_);
    group.spawn(load_into(*cache_, loop_, key, scope, found));
    loop_.run(group);
    return found;
  }
  CacheEntryPtr load(std::uint64_t number) { return load(numbered_key(number)); }
  static Task<void> load_into(AnswerCache& cache, Dispatcher& loop, CacheKey key,
                              CancelScope& scope, CacheEntryPtr& found) {
    found = co_await cache.load(loop, key, scope);
  }
  // What there is of it is what was put.
  static bool is(const CacheEntryPtr& found, std::uint64_t number, std::size_t bytes = 100) {
    return found != nullptr && *found == *entry(number, bytes);
  }

  std::string folder_;
  CacheSettings settings_;
  CacheLoop loop_;
  std::unique_ptr<AnswerCache> cache_;
};

}  // namespace outrigger::filters::testing
