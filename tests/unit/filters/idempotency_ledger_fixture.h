// A ledger with a journal of its own, asked by coroutines of one loop. All that waits for the
// journal's thread is waited for: nothing depends on how fast that is.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "filters/idempotency/ledger.h"
#include "proxy/runtime/task_group.h"

namespace outrigger::filters {

// A loop that runs what is posted to it, and never waits.
class LedgerLoop final : public Dispatcher {
 public:
  [[nodiscard]] TimePoint fresh_now() noexcept override { return now_; }
  void post(std::function<void()> work) override {
    const std::scoped_lock lock(mutex_);
    posted_.push_back(std::move(work));
  }
  void run() {
    do {
      turn();
      std::vector<std::function<void()>> posted;
      {
        const std::scoped_lock lock(mutex_);
        posted.swap(posted_);
      }
      for (const auto& work : posted) work();
    } while (has_posted() || has_deferred());
    turn();
  }
  void pass(Duration time) { now_ = now_ + time; }

 private:
  bool has_posted() {
    const std::scoped_lock lock(mutex_);
    return !posted_.empty();
  }
  void wake_at(TimePoint) noexcept override {}

  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;
};

// The ledger's clock: milliseconds since 1970.
inline constexpr std::int64_t kStart = 1'764'000'000'000;
inline std::atomic<std::int64_t> wall_ms = kStart;
inline std::int64_t read_wall() noexcept {
  return wall_ms * 1000;
}

class WhenSettled final : public store::Job {
 public:
  explicit WhenSettled(std::function<void()> call) : call_(std::move(call)) {}
  void run(store::Transaction&) override {}
  void settle(const Status&) override { call_(); }

 private:
  std::function<void()> call_;
};

// Keeps the journal's thread busy until it goes: what is submitted meanwhile is one batch.
class HeldJournal {
 public:
  explicit HeldJournal(store::Journal& journal) {
    journal.submit_always(std::make_unique<WhenSettled>([state = state_] {
      state->entered.release();
      state->let_go.acquire();
    }));
    state_->entered.acquire();
  }
  HeldJournal(const HeldJournal&) = delete;
  HeldJournal& operator=(const HeldJournal&) = delete;
  ~HeldJournal() { state_->let_go.release(); }

 private:
  struct State {
    std::binary_semaphore entered{0}, let_go{0};
  };
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

// A process that has a ledger: it starts, works, and stops or is killed.
class LedgerProcess {
 public:
  LedgerProcess(std::string folder, leveldb::Env* env) : folder_(std::move(folder)), env_(env) {}
  ~LedgerProcess() { end(); }
  LedgerProcess(const LedgerProcess&) = delete;
  LedgerProcess& operator=(const LedgerProcess&) = delete;

  Status start() {
    end();
    keep_room();
    journal_ = std::make_unique<store::Journal>();
    Status opened =
        journal_->open({.folder = folder_, .encryption_key = {}, .previous_key = {}, .env = env_},
                       [](store::Store&) { return Status{}; });
    if (!opened) {
      journal_.reset();
      return opened;
    }
    ledger_ = std::make_unique<Ledger>(*journal_, &read_wall);
    return opened;
  }
  // As if killed when all that was given to the journal was written. Nobody waits for it any more.
  void end() {
    tasks_.reset();
    if (journal_) journal_->stop();
    loop.run();
    ledger_.reset();
    journal_.reset();
  }

  // Until the journal has nothing to do: by a job of its own batch, since those of one that failed
  // are settled backwards.
  void settle() {
    for (int batch = 0; batch < 2; ++batch) {
      auto settled = std::make_shared<std::promise<void>>();
      journal_->submit_always(std::make_unique<WhenSettled>([settled] { settled->set_value(); }));
      settled->get_future().wait();
    }
  }
  // Starts it, and goes on until all that was started is done.
  void spawn(Task<void> task) {
    if (!tasks_) tasks_.emplace(loop);
    tasks_->spawn(std::move(task));
  }
  [[nodiscard]] bool busy() const { return tasks_ && !tasks_->empty(); }
  void run() {
    for (loop.run(); busy(); loop.run()) settle();
    settle();
    loop.run();
  }
  template <class T>
  T wait(Task<T> task) {
    std::optional<T> outcome;
    spawn(keep(std::move(task), outcome));
    run();
    return std::move(*outcome);
  }
  // The same for all that `begin` starts, everybody's next step in one batch.
  void run_in_step(const std::function<void()>& begin) {
    std::function<void()> next = begin;
    do {
      {
        const HeldJournal held(*journal_);
        next();
        loop.run();
      }
      settle();
      next = [] {};
    } while (busy());
    loop.run();
  }

  // For a coroutine: when the journal has done what was given to it.
  Task<void> turn() {
    const auto done = std::make_shared<Signal>();
    journal_->submit_always(
        std::make_unique<WhenSettled>([this, done] { loop.post([done] { done->notify(); }); }));
    CancelScope unhurried;
    (void)co_await done->wait(unhurried);
  }

  [[nodiscard]] store::Journal& journal() { return *journal_; }
  [[nodiscard]] Ledger& ledger() { return *ledger_; }
  [[nodiscard]] const store::Store& store() const { return *journal_->store(); }
  [[nodiscard]] bool running() const { return journal_ != nullptr; }

  LedgerLoop loop;

 private:
  // The room for a full disk is there, and costs nothing.
  void keep_room() const {
    const std::string path = folder_ + "/ballast";
    if (std::filesystem::exists(path)) return;
    std::ofstream(path).flush();
    std::filesystem::resize_file(path, store::Ballast::kBytes);
  }
  template <class T>
  static Task<void> keep(Task<T> task, std::optional<T>& outcome) {
    outcome = co_await std::move(task);
  }

  const std::string folder_;
  leveldb::Env* const env_;
  std::unique_ptr<store::Journal> journal_;
  std::unique_ptr<Ledger> ledger_;
  std::optional<TaskGroup> tasks_;
};

// An empty folder, in memory where there is one.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    const bool in_memory = std::filesystem::is_directory("/dev/shm");
    const std::filesystem::path parent =
        in_memory ? "/dev/shm" : std::filesystem::temp_directory_path();
    std::string pattern = (parent / "ledger-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace outrigger::filters
