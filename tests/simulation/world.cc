#include "tests/simulation/world.h"

#include <sys/mman.h>

#include "filters/attempt_timers/attempt_timers.h"
#include "filters/circuit_breaker/circuit_breaker.h"
#include "filters/classify/classify.h"
#include "filters/deadline/deadline.h"
#include "filters/hedge/hedge.h"
#include "proxy/runtime/frame_pool.h"
#include "tests/simulation/invariants.h"
#include "tests/simulation/plan.h"
#include "tests/simulation/scripted_upstream.h"
#include "tests/simulation/tap.h"

namespace outrigger::simulation {

using filters::Exchange;
using filters::Filter;

namespace {

Result<Fd> open_nameless() {
  return Fd(::memfd_create("replay", MFD_CLOEXEC));
}

// Some worlds have next to no memory for replays.
filters::ReplayMemory::Limits draw_limits(Dice& dice) {
  filters::ReplayMemory::Limits limits;
  if (dice.chance(0.3)) limits.memory = dice.pick<std::uint64_t>({0, 2000});
  if (dice.chance(0.2)) limits.disk = dice.pick<std::uint64_t>({0, 4000});
  return limits;
}

}  // namespace

World::World(std::uint64_t seed)
    : dice_(seed),
      random_(seed + 1),
      upstream_(draw_upstream(dice_)),
      replay_memory_(draw_limits(dice_)),
      intake_{{replay_memory_, files_, open_nameless}, {}},
      breakers_({.listener = [this](const auto& change) { referee_.breaker_changes(change); },
                 .seed = seed}),
      shard_(metrics_.add_shard()) {
  referee_.may_use(breakers_);
  chains_.push_back(chain(nullptr));
  chains_.push_back(chain(&upstream_.routes.front()));
  const std::uint64_t clients = dice_.between(1, 40);
  for (std::uint64_t i = 0; i < clients; ++i) {
    Visit& visit = ledger_.visits.emplace_back();
    visit.number = i;
    clients_.push_back(std::make_unique<Client>(street_, visit));
  }
}

// As filters::ChainBuilder puts them.
filters::Chain World::chain(const config::Route* route) {
  const config::Policies& policies = route == nullptr ? upstream_.policies : route->policies;
  std::vector<std::unique_ptr<Filter>> filters;
  const auto push = [&](std::unique_ptr<Filter> filter) { filters.push_back(std::move(filter)); };
  const auto nothing = [](Exchange&) {};
  if (policies.retry || policies.circuit_breaker || policies.hedge) {
    push(std::make_unique<filters::Intake>(intake_, policies));
  }
  push(std::make_unique<filters::Deadline>(policies, clock_));
  if (policies.retry) {
    push(std::make_unique<Tap>(
        [this](Exchange& exchange) { ledger_.of(exchange).asked_retry = loop_.now(); }, nothing));
    push(std::make_unique<filters::Retry>(retry_, policies, upstream_.name));
  }
  push(std::make_unique<Tap>(nothing, [this](Exchange& exchange) {
    Visit& visit = ledger_.of(exchange);
    for (Call* call : visit.calls) {
      if (!call->decided) call->decided = loop_.now();
    }
  }));
  if (policies.circuit_breaker) {
    push(std::make_unique<filters::CircuitBreaker>(breakers_, upstream_, route, shard_,
                                                   loop_.now()));
  }
  if (policies.hedge) {
    push(std::make_unique<filters::Hedge>(hedges_, cooldowns_, policies, shard_, upstream_.name,
                                          route == nullptr ? "" : route->name));
  }
  push(std::make_unique<filters::Classify>(policies, clock_));
  push(std::make_unique<filters::AttemptTimers>(policies.timeouts));
  push(std::make_unique<ScriptedUpstream>(dice_, ledger_, referee_, upstream_));
  return filters::Chain(std::move(filters));
}

void World::run() {
  constexpr Duration kStep = 10s;
  constexpr Duration kLongest = 3h;  // no client stays for so long
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    const bool routed = !ledger_.visits[i].route.empty();
    tasks_.spawn(clients_[i]->run(chains_[routed ? 1 : 0]));
  }
  const bool meddled = dice_.chance(0.1);
  while (!tasks_.empty() && loop_.now().since_start < kLongest) {
    loop_.advance(kStep);
    if (meddled) meddle();
  }
  settle();
}

// Somebody uses the admin API.
void World::meddle() {
  if (!dice_.chance(0.1)) return;
  const TimePoint now = loop_.now();
  switch (dice_.between(0, 3)) {
    case 0:
      breakers_.force_open(upstream_.name, now, dice_.between(1s, 30s));
      break;
    case 1:
      breakers_.force_close(upstream_.name, now);
      break;
    case 2:
      breakers_.release(upstream_.name, now);
      break;
    default:
      breakers_.reset(upstream_.name, now);
  }
}

void World::settle() {
  loop_.advance(0s);  // drops what has ended
  const Visit nobody;
  if (!tasks_.empty()) ledger_.violation(nobody, "{} exchanges never end", tasks_.size());
  for (const Visit& visit : ledger_.visits) check_visit(ledger_, visit);
  check_budgets(ledger_, referee_.spent);
  check_hedges(ledger_);
  check_shared_state(nobody);
}

void World::check_shared_state(const Visit& about) {
  for (const auto& group : breakers_.all()) {
    for (const filters::Pinned& breaker : group->all()) {
      const std::uint32_t probes = breaker->status(loop_.now()).probes_out;
      if (breaker->permits_out() == 0 && probes == 0) continue;
      ledger_.violation(about, "a breaker of {} has {} permits and {} probes out",
                        group->upstream(), breaker->permits_out(), probes);
    }
  }
  if (replay_memory_.memory() != 0 || replay_memory_.disk() != 0) {
    ledger_.violation(about, "replay memory is in use: {} and {} bytes", replay_memory_.memory(),
                      replay_memory_.disk());
  }
  if (loop_.timers() != 0) ledger_.violation(about, "{} timers are armed", loop_.timers());
  if (FramePool::live() != 0) ledger_.violation(about, "{} frames live", FramePool::live());
}

}  // namespace outrigger::simulation
