#include "proxy/store/journal.h"

#include <algorithm>
#include <ranges>
#include <utility>

namespace outrigger::store {
namespace {

constexpr std::chrono::seconds kBallastEvery{1};

}  // namespace

Result<std::optional<std::string>> Transaction::get(std::string_view key) const {
  if (const auto changed = changes_.find(key); changed != changes_.end()) return changed->second;
  return store_.get(key);
}

void Transaction::put(std::string key, std::string value) {
  bytes_ += key.size() + value.size();
  changes_.insert_or_assign(std::move(key), std::move(value));
}

void Transaction::erase(std::string key) {
  bytes_ += key.size();
  changes_.insert_or_assign(std::move(key), std::nullopt);
}

Batch Transaction::batch() const {
  Batch batch;
  for (const auto& [key, value] : changes_) {
    value ? batch.put(key, *value) : batch.erase(key);
  }
  return batch;
}

Status Journal::open(const Store::Setup& setup, const std::function<Status(Store&)>& prepare) {
  auto opened = Store::open(setup);
  if (!opened) return std::unexpected(std::move(opened).error());
  if (Status prepared = prepare(**opened); !prepared) return prepared;
  store_ = std::move(*opened);
  open_store_ = store_.get();
  ballast_.emplace(setup.folder + "/ballast");
  keep_ballast();
  const std::lock_guard lock(mutex_);
  thread_ = std::thread([this] { serve(); });
  return {};
}

void Journal::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

bool Journal::take(std::unique_ptr<Job> job, std::size_t most) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || !thread_.joinable() || jobs_.size() >= most) return false;
    first = jobs_.empty();
    jobs_.push_back(std::move(job));
  }
  if (first) wake_.notify_one();
  return true;
}

std::size_t Journal::waiting() const {
  const std::lock_guard lock(mutex_);
  return jobs_.size();
}

void Journal::serve() {
  for (;;) {
    Jobs jobs;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      jobs.swap(jobs_);
    }
    keep_ballast();
    while (!jobs.empty()) work_on(jobs);
  }
}

// A batch that finds no room is written once more in the room of the ballast: the store was opened
// again by then, and to write the same twice is to write it once.
Status Journal::write(const Transaction& transaction) {
  const Batch batch = transaction.batch();
  Status written = store_->write(batch);
  if (!written && written.error().detail.find("No space left") != std::string_view::npos &&
      ballast_->release()) {
    tight_ = true;
    written = store_->write(batch);
  }
  return written;
}

// From time to time it is looked whether there is room again.
void Journal::keep_ballast() {
  const auto now = std::chrono::steady_clock::now();
  if (ballast_->held() || now - ballast_tried_ < kBallastEvery) return;
  ballast_tried_ = now;
  tight_ = !ballast_->take();
}

// Takes as many off the front as fit into one batch.
void Journal::work_on(Jobs& jobs) {
  store_->revive();
  Transaction transaction(*store_);
  std::vector<std::unique_ptr<Job>> batch;
  while (!jobs.empty() && batch.size() < kBatchJobs && transaction.bytes() < kBatchBytes) {
    batch.push_back(std::move(jobs.front()));
    jobs.pop_front();
    batch.back()->run(transaction);
  }
  const Status written = transaction.empty() ? Status{} : write(transaction);
  if (written) {
    for (const auto& job : batch) job->settle(written);
  } else {  // the last one undoes what it did first
    ++failures_;
    for (const auto& job : batch | std::views::reverse) job->settle(written);
  }
}

}  // namespace outrigger::store
