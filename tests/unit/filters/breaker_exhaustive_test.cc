// Everything that can happen to a breaker with small parameters, and thousands of seeded lives with
// larger ones, against the invariants of resilience 5.4: "half-open permits outstanding <= probes
// and every permit ends".
#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "proxy/base/random.h"
#include "tests/unit/filters/breaker_fixture.h"

namespace outrigger::filters {
namespace {

constexpr Duration kStep = 1s;  // of the search's time; nothing in its policy takes more than 3

// A breaker, the passes that are out, and what an observer outside remembers.
struct World {
  Breaker breaker;
  TimePoint now{1000s};
  std::vector<Pass> out = {};
  std::map<std::uint32_t, TimePoint> leased_at = {};
};

// What nobody may ever see. Empty when all is well.
class Watch {
 public:
  explicit Watch(const config::CircuitBreaker& policy) : policy_(policy) {}

  std::string check(const World& before, const World& after) {
    const Breaker& old = before.breaker;
    const Breaker& now = after.breaker;
    const std::uint32_t eras = now.era() - old.era();
    if (eras > 1) return fmt::format("{} eras in one step", eras);
    if (eras == 0 && now.state() != old.state()) return "a state changed without an era";
    if (eras == 1) {
      if (now.last_change().from != old.state()) return "the change does not tell where from";
      seen_.insert({old.state(), now.state()});
      if (!is_drawn(old.state(), now.state())) return "a way that is not drawn";
    }
    return check_probes(after);
  }
  [[nodiscard]] const std::set<std::pair<BreakerState, BreakerState>>& seen() const {
    return seen_;
  }

 private:
  static bool is_drawn(BreakerState from, BreakerState to) {
    for (int event = 0; event <= static_cast<int>(BreakerEvent::kReset); ++event) {
      if (next(from, static_cast<BreakerEvent>(event)) == to) return true;
    }
    return false;
  }
  std::string check_probes(const World& world) const {
    // A probe counts until it ends or its lease does, whatever became of the state since.
    const auto alive = std::ranges::count_if(world.out, [&](const Pass& pass) {
      return pass.probe() && world.now < world.leased_at.at(pass.lease) + policy_.half_open.lease;
    });
    if (static_cast<std::uint32_t>(alive) > policy_.half_open.probes) {
      return fmt::format("{} probes are out", alive);
    }
    Breaker copy = world.breaker;
    if (copy.status(world.now).probes_out != alive) {
      return fmt::format("{} probes are out, it believes {}", alive,
                         copy.status(world.now).probes_out);
    }
    return {};
  }

  const config::CircuitBreaker& policy_;
  std::set<std::pair<BreakerState, BreakerState>> seen_;
};

// ---- the steps ----

std::string ask(World& world) {
  Breaker timed = world.breaker;
  timed.advance(world.now, kMiddle);
  const BreakerStatus status = timed.status(world.now);
  const bool must_refuse =
      status.state == BreakerState::kOpen || status.state == BreakerState::kForcedOpen;
  const auto pass = world.breaker.ask(world.now, kMiddle);
  if (!pass) {
    return status.state == BreakerState::kDisabled ? "a disabled one refused" : std::string();
  }
  if (must_refuse) return "an open one admitted before its time";
  if (pass->probe() != (status.state == BreakerState::kHalfOpen)) return "a probe is of half-open";
  if (pass->era != world.breaker.era()) return "a pass of another era";
  world.out.push_back(*pass);
  if (pass->probe()) world.leased_at[pass->lease] = world.now;
  return {};
}

std::string end(World& world, std::size_t which, Ending ending) {
  const Pass pass = world.out[which];
  world.out.erase(world.out.begin() + static_cast<std::ptrdiff_t>(which));
  world.leased_at.erase(pass.lease);
  Breaker timed = world.breaker;
  timed.advance(world.now, kMiddle);
  const BreakerStatus before = timed.status(world.now);
  world.breaker.conclude(pass, ending, world.now, kMiddle);
  if (pass.era == timed.era()) return {};
  const BreakerStatus after = world.breaker.status(world.now);
  if (world.breaker.era() != timed.era() || after.failures_in_a_row != before.failures_in_a_row ||
      after.probes_passed != before.probes_passed || !(after.window == before.window)) {
    return "the outcome of an earlier era counted";
  }
  return {};
}

// What tells two worlds apart; times and numbers only as far as they can matter.
std::string fingerprint(const World& world) {
  Breaker copy = world.breaker;
  const BreakerStatus s = copy.status(world.now);
  const auto steps = [](Duration d) { return std::min<std::int64_t>(d / kStep, 3); };
  std::vector<std::string> out;
  for (const Pass& pass : world.out) {
    const bool mine = pass.era == copy.era();
    const std::int64_t age = pass.probe() ? steps(world.now - world.leased_at.at(pass.lease)) : 0;
    out.push_back(fmt::format("{}{}{}", mine ? 'm' : 'o', pass.probe() ? 'p' : 'c', age));
  }
  std::ranges::sort(out);
  return fmt::format("{} {} {} {} {} {} {} {} {} {}", static_cast<int>(s.state),
                     steps(world.now - s.since), s.failures_in_a_row, s.openings, s.probes_out,
                     s.probes_passed, s.next_probe ? steps(*s.next_probe) : -1, s.ramping,
                     copy.ask(world.now, kMiddle).has_value(), fmt::join(out, ","));
}

config::CircuitBreaker small_policy(std::uint32_t probes, std::uint32_t successes) {
  config::CircuitBreaker policy;
  policy.failures_in_a_row = 2;
  policy.failure_rate.reset();
  policy.window_calls = 1;
  policy.window = 3s;
  policy.open = {.first = 1s, .factor = 2, .max = 2s, .jitter = 0};
  policy.half_open = {.probes = probes, .lease = 2s, .successes = successes};
  policy.ramp = 1s;
  return policy;
}

class Search {
 public:
  explicit Search(const config::CircuitBreaker& policy)
      : policy_(policy),
        watch_(policy_),
        shared_(std::make_shared<const config::CircuitBreaker>(policy)) {}

  void run() {
    visit(World{.breaker = Breaker(shared_, TimePoint{1000s})}, "");
    while (!queue_.empty() && failure_.empty()) {
      const auto [world, path] = std::move(queue_.front());
      queue_.pop_front();
      expand(world, path);
    }
    EXPECT_EQ(failure_, "");
  }
  [[nodiscard]] std::size_t states() const { return known_.size(); }
  [[nodiscard]] const auto& seen() const { return watch_.seen(); }

 private:
  static constexpr std::size_t kMostOut = 3;
  void visit(World world, std::string path) {
    if (known_.insert(fingerprint(world)).second) {
      queue_.emplace_back(std::move(world), std::move(path));
    }
  }
  template <class Act>
  void step(const World& from, const std::string& path, std::string_view name, Act act) {
    if (!failure_.empty()) return;
    World to = from;
    std::string wrong = act(to);
    if (wrong.empty()) wrong = watch_.check(from, to);
    std::string now = path + ' ' + std::string(name);
    if (!wrong.empty()) {
      failure_ = fmt::format("{} after{}", wrong, now);
      return;
    }
    visit(std::move(to), std::move(now));
  }
  void expand(const World& world, const std::string& path) {
    const auto plain = [&](std::string_view name, auto act) {
      step(world, path, name, [&](World& it) {
        act(it);
        return std::string();
      });
    };
    if (world.out.size() < kMostOut) step(world, path, "ask", [](World& it) { return ask(it); });
    for (std::size_t i = 0; i < world.out.size(); ++i) {
      for (const auto& [name, ending] : {std::pair{"good", kGood},
                                         {"bad", kBad},
                                         {"throttled", kThrottled},
                                         {"nothing", kNothing}}) {
        step(world, path, fmt::format("{}{}", name, i),
             [&](World& it) { return end(it, i, ending); });
      }
    }
    plain("wait", [](World& it) {
      it.now = it.now + kStep;
      it.breaker.advance(it.now, kMiddle);
    });
    plain("force_open", [](World& it) { it.breaker.force_open(it.now, std::nullopt); });
    plain("force_open_1s", [](World& it) { it.breaker.force_open(it.now, 1s); });
    plain("force_close", [](World& it) { it.breaker.force_close(it.now); });
    plain("release", [](World& it) { it.breaker.release(it.now); });
    plain("reset", [](World& it) { it.breaker.reset(it.now); });
    plain("adopt", [&](World& it) { it.breaker.adopt(shared_, it.now); });
  }

  const config::CircuitBreaker policy_;
  Watch watch_;
  const BreakerPolicy shared_;
  std::set<std::string> known_;
  std::deque<std::pair<World, std::string>> queue_;
  std::string failure_;
};

TEST(BreakerSearch, NoStateThatCanBeReachedBreaksAnInvariant) {
  for (const std::uint32_t probes : {1u, 2u}) {
    for (const std::uint32_t successes : {1u, 2u}) {
      SCOPED_TRACE(testing::Message() << probes << " probes, " << successes << " successes");
      Search search(small_policy(probes, successes));
      search.run();
      EXPECT_GT(search.states(), 1000u) << "the search did not get far";
      // Every drawn way was gone, the forced ones from every state.
      for (int from = 0; from < 5; ++from) {
        for (int event = 0; event <= static_cast<int>(BreakerEvent::kReset); ++event) {
          const auto to = next(static_cast<BreakerState>(from), static_cast<BreakerEvent>(event));
          if (!to) continue;
          EXPECT_TRUE(search.seen().contains({static_cast<BreakerState>(from), *to}))
              << to_string(static_cast<BreakerState>(from)) << " to " << to_string(*to);
        }
      }
    }
  }
}

// ---- seeded lives ----

config::CircuitBreaker random_policy(Random& random) {
  config::CircuitBreaker policy;
  if (random.below(4) != 0) policy.failures_in_a_row = 1 + random.below(5);
  if (random.below(4) == 0) policy.failure_rate.reset();
  policy.min_calls = static_cast<std::uint32_t>(1 + random.below(12));
  if (random.below(2) == 0) policy.window_calls = 1 + random.below(20);
  policy.window = 1s * (1 + random.below(30));
  policy.open = {.first = 1s * (1 + random.below(5)),
                 .factor = 1 + random.unit() * 2,
                 .max = 1s * (5 + random.below(30)),
                 .jitter = random.unit() / 2};
  policy.half_open = {.probes = static_cast<std::uint32_t>(1 + random.below(4)),
                      .lease = 1s * (1 + random.below(20)),
                      .successes = static_cast<std::uint32_t>(1 + random.below(4))};
  policy.ramp.reset();
  if (random.below(2) == 0) policy.ramp = 1s * (1 + random.below(10));
  return policy;
}

Ending random_ending(Random& random) {
  static constexpr Ending kEndings[] = {kGood, kGood,      kGood, kBad,
                                        kBad,  kThrottled, kSlow, kNothing};
  return kEndings[random.below(std::size(kEndings))];
}

std::string random_step(World& world, Random& random) {
  const std::uint64_t choice = random.below(100);
  if (choice < 40) return ask(world);
  if (choice < 75 && !world.out.empty()) {
    return end(world, random.below(world.out.size()), random_ending(random));
  }
  if (choice < 97) {
    world.now = world.now + Duration{static_cast<std::int64_t>(random.below(3'000'000'000))};
    world.breaker.advance(world.now, kMiddle);
  } else if (choice == 97) {
    world.breaker.force_open(world.now, 1s * random.below(10));
  } else if (choice == 98) {
    world.breaker.force_close(world.now);
  } else {
    world.breaker.release(world.now);
  }
  return {};
}

// Returns what went wrong, and leaves a trace of all states for comparison.
std::string live(std::uint64_t seed, std::string& trace) {
  Random random(seed);
  const config::CircuitBreaker policy = random_policy(random);
  Watch watch(policy);
  World world{
      .breaker = Breaker(std::make_shared<const config::CircuitBreaker>(policy), TimePoint{1000s})};
  for (int i = 0; i < 400; ++i) {
    const World before = world;
    std::string wrong = random_step(world, random);
    if (wrong.empty()) wrong = watch.check(before, world);
    if (!wrong.empty()) return fmt::format("step {}: {}", i, wrong);
    trace += static_cast<char>('0' + static_cast<int>(world.breaker.state()));
  }
  while (!world.out.empty()) {
    if (std::string wrong = end(world, 0, kNothing); !wrong.empty()) return wrong;
  }
  if (world.breaker.status(world.now).probes_out != 0) return "a permit never ended";
  // Left alone for long enough, it lets somebody pass again.
  world.breaker.release(world.now);
  world.now = world.now + 24h;
  return world.breaker.ask(world.now, kMiddle) ? std::string() : "it is shut for good";
}

TEST(BreakerSimulation, NoSeedBreaksAnInvariantAndEachReplaysExactly) {
  for (std::uint64_t seed = 0; seed < 5000; ++seed) {
    std::string trace, again;
    ASSERT_EQ(live(seed, trace), "") << "seed " << seed;
    if (seed % 100 != 0) continue;
    ASSERT_EQ(live(seed, again), "") << "seed " << seed;
    ASSERT_EQ(trace, again) << "seed " << seed;
  }
}

}  // namespace
}  // namespace outrigger::filters
