// A simulated world for limits: agents that send in parallel, the filters from retry to classify,
// and an upstream with a capacity that it tells nobody, or only in its headers. It refuses with 429
// what it has no room for, and notes whatever breaks a promise.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "filters/filter.h"
#include "filters/limits/shared_limits.h"
#include "filters/retry/retry.h"
#include "proxy/base/metrics.h"
#include "proxy/base/wall_clock.h"
#include "proxy/runtime/sim_loop.h"
#include "proxy/runtime/task_group.h"
#include "tests/simulation/dice.h"

namespace outrigger::simulation {

// An upstream of its own kind: what it bears, how long it takes, what it says.
struct Capacity {
  std::optional<std::uint32_t> at_a_time = {};
  std::optional<config::Rate> requests = {};  // a bucket that is full at first
  double bucket = 1;                          // its size, as a part of the rate
  bool headers = false;                       // it tells of its rate, as OpenAI does
  Duration fastest{200ms}, slowest{2s};
  double lost = 0;       // part of the calls whose connection breaks
  double unreached = 0;  // part of the calls that find no connection
};

// So many loops of the same kind under one name: each sends, waits for the answer, and sends again.
struct Agent {
  std::string name;
  std::uint32_t parallel = 1;
  std::uint32_t calls = 0;        // of each loop; 0: until the world ends
  std::size_t prompt_bytes = 20;  // 4 a token
  Duration pause{0};              // after each
  double leaves = 0;              // part of the calls whose client goes before the answer
  std::optional<Duration> deadline = {};
};

// What became of the calls of one agent.
struct Tally {
  std::string name;
  std::uint32_t begun = 0, ok = 0, refused = 0, throttled = 0, left = 0, lost = 0;
  std::vector<Duration> waits;  // in line, of those that were answered
  double tokens = 0;
  [[nodiscard]] Duration wait(double quantile) const;
  [[nodiscard]] std::uint32_t ended() const { return ok + refused + throttled + left + lost; }
};

// The state of things at a time.
struct Sample {
  Duration at;
  std::uint32_t limit = 0, in_service = 0;
  std::size_t waiting = 0;
  std::uint64_t ok = 0, throttled = 0;  // so far, by the upstream
};

class LimitWorld {
 public:
  LimitWorld(std::uint64_t seed, config::Policies policies, Capacity capacity);
  ~LimitWorld();

  void add(const Agent& agent);
  // Lets time pass; a sample at each `every`.
  void run(Duration time, Duration every);
  // No more calls begin; runs until all have ended, at most for so long.
  void finish(Duration most);
  void change(const Capacity& capacity) { capacity_ = capacity; }

  [[nodiscard]] const std::vector<std::unique_ptr<Tally>>& tallies() const { return tallies_; }
  [[nodiscard]] const std::vector<Sample>& samples() const noexcept { return samples_; }
  [[nodiscard]] const std::vector<std::string>& violations() const noexcept { return violations_; }
  [[nodiscard]] std::uint64_t throttled() const noexcept { return throttled_; }
  [[nodiscard]] Duration last_answer() const noexcept { return last_answer_; }

 private:
  class Upstream;
  Task<void> loop_of(const Agent& agent, Tally& tally);
  Task<void> call(const Agent& agent, Tally& tally);
  Task<Result<http::Response>> serve(filters::Exchange& exchange);
  [[nodiscard]] bool admit(TimePoint now);
  void check_limit(TimePoint now);
  void see_limit(TimePoint now);
  [[nodiscard]] http::Response answer(int status);
  [[nodiscard]] filters::PinnedLimit limit(filters::LimitKind kind);
  void sample();

  SimLoop loop_;
  Dice dice_;
  Random random_;
  config::Upstream upstream_;
  Capacity capacity_;
  WallClock clock_{[]() noexcept { return std::int64_t{1'772'000'000'000'000}; }};
  filters::SharedLimits limits_;
  filters::SharedBudgets budgets_;
  filters::SharedCooldowns cooldowns_;
  MetricRegistry metrics_;
  MetricShard& shard_ = metrics_.add_shard();
  filters::RetryContext retry_{budgets_, cooldowns_, random_, shard_};
  std::unique_ptr<filters::Chain> chain_;
  std::vector<std::unique_ptr<Tally>> tallies_;
  std::vector<Sample> samples_;
  std::vector<std::string> violations_;
  std::deque<Agent> agents_;
  bool closing_ = false;
  std::uint32_t in_service_ = 0;
  std::uint64_t answered_ = 0, throttled_ = 0;
  double level_ = 0;  // of the upstream's own bucket
  TimePoint level_at_;
  // The same rate as the policy's, kept here again: what is sent beyond it is a violation.
  double promised_ = 0;
  TimePoint promised_at_;
  Duration last_answer_{0};
  // The highest limit of this moment: whoever was let through under it may come after it fell.
  std::uint32_t highest_ = 0;
  TimePoint highest_at_;
  TaskGroup tasks_{loop_};
};

}  // namespace outrigger::simulation
