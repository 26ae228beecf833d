// One simulated world: a virtual clock, the filters from intake to attempt_timers as a worker has
// them, an upstream that does as its seed says, and clients. Two worlds of one seed are the same.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "filters/filter.h"
#include "filters/hedge/shared_hedges.h"
#include "filters/intake/intake.h"
#include "filters/retry/retry.h"
#include "proxy/base/metrics.h"
#include "proxy/base/wall_clock.h"
#include "proxy/runtime/sim_loop.h"
#include "proxy/runtime/task_group.h"
#include "tests/simulation/client.h"
#include "tests/simulation/referee.h"
#include "tests/unit/filters/inline_files.h"

namespace outrigger::simulation {

class World {
 public:
  explicit World(std::uint64_t seed);

  // From the first arrival until everything has ended; then looks at what is left.
  void run();
  [[nodiscard]] const std::vector<std::string>& violations() const noexcept {
    return ledger_.violations;
  }
  [[nodiscard]] const std::string& trace() const noexcept { return ledger_.trace; }
  [[nodiscard]] const Ledger& ledger() const noexcept { return ledger_; }

 private:
  [[nodiscard]] filters::Chain chain(const config::Route* route);
  void meddle();
  void settle();
  void check_shared_state(const Visit& about);

  SimLoop loop_;
  Dice dice_;
  Random random_;
  const config::Upstream upstream_;
  Ledger ledger_{loop_};
  filters::SharedCooldowns cooldowns_;
  Referee referee_{loop_, ledger_, upstream_, cooldowns_};
  MetricRegistry metrics_;
  WallClock clock_{[]() noexcept { return std::int64_t{1'700'000'000'000'000}; }};
  filters::SharedBudgets budgets_;
  filters::SharedHedges hedges_;
  filters::ReplayMemory replay_memory_;
  filters::InlineFiles files_;
  filters::IntakeContext intake_;
  filters::SharedBreakers breakers_;
  filters::RetryContext retry_{budgets_, cooldowns_, random_, metrics_.add_shard()};
  MetricShard& shard_;
  Street street_{loop_, dice_, ledger_, upstream_};
  std::vector<filters::Chain> chains_;  // the upstream's own, the route's
  std::vector<std::unique_ptr<Client>> clients_;
  TaskGroup tasks_{loop_};
};

}  // namespace outrigger::simulation
