// Watches a simulated world while it runs: what may not begin, and what shared state may not do.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "filters/circuit_breaker/shared_breakers.h"
#include "filters/retry/cooldowns.h"
#include "tests/simulation/ledger.h"

namespace outrigger::simulation {

class Referee {
 public:
  Referee(Dispatcher& loop, Ledger& ledger, const config::Upstream& upstream,
          filters::SharedCooldowns& cooldowns) noexcept
      : loop_(loop), ledger_(ledger), upstream_(upstream), cooldowns_(cooldowns) {}

  void may_use(const filters::SharedBreakers& breakers) noexcept { breakers_ = &breakers; }

  // The chain sends the request; `call` is not yet among the visit's.
  void call_begins(Visit& visit, Call& call, const filters::Exchange& exchange);
  // An endpoint is chosen: also the second of one call.
  void attempt_begins(const Visit& visit, const filters::Exchange& exchange);
  // A breaker changed its state.
  void breaker_changes(const filters::Transition& transition);
  // Looks whether a pause got shorter.
  void watch_cooldowns(const Visit& visit);

  // Each retry that began, by when it was paid for.
  struct Spent {
    TimePoint when;
    const Visit* visit;
  };
  std::vector<Spent> spent;

 private:
  struct Pause {
    std::int64_t until_ms = 0;
    TimePoint extended;  // not earlier than this
  };
  struct Breaker {
    filters::BreakerState state = filters::BreakerState::kClosed;
    std::uint64_t era = 0;
    const config::CircuitBreaker* policy = nullptr;
  };

  void check_retry(const Visit& visit);
  void check_hedge(const Visit& visit);
  void check_breaker(const Visit& visit, Call& call);
  void check_pause(const Visit& visit, const filters::Exchange& exchange);
  [[nodiscard]] std::int64_t now_ms() const noexcept { return loop_.now().since_start / 1ms; }
  [[nodiscard]] std::string owner_of(const Visit& visit) const;

  Dispatcher& loop_;
  Ledger& ledger_;
  const config::Upstream& upstream_;
  filters::SharedCooldowns& cooldowns_;
  const filters::SharedBreakers* breakers_ = nullptr;
  std::map<filters::CooldownKey, Pause> pauses_;
  TimePoint looked_;
  std::map<std::string, Breaker> whole_;  // breakers of all calls, by their owner
};

}  // namespace outrigger::simulation
