// The deterministic simulator: thousands of small worlds, each from a seed, each held against every
// invariant of resilience 5.4 that the filters from intake to attempt_timers are to keep.
//   OUTRIGGER_SEEDS=n  runs so many     OUTRIGGER_SEED=n  runs that one and prints what happened
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "proxy/base/bytes.h"
#include "tests/simulation/world.h"

namespace outrigger::simulation {
namespace {

constexpr std::uint64_t kSeeds = 5000;
constexpr std::uint64_t kTwiceEvery = 20;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// What many worlds together must have seen, or they prove nothing.
using Census = std::map<std::string, std::uint64_t>;

void count(const World& world, Census& census) {
  for (const Visit& visit : world.ledger().visits) {
    ++census["visits"];
    ++census["end " + std::to_string(static_cast<int>(visit.end))];
    if (visit.tries() > 1) ++census["retried"];
    for (const Visit::Made& made : visit.attempts) {
      ++census["verdict " + std::string(to_string(made.verdict))];
    }
    if (!visit.attempts.empty()) {
      ++census["stop " + std::string(visit.attempts.back().stop)];
    }
    if (!visit.reason.empty()) ++census["reason " + std::string(visit.reason)];
  }
}

void run(std::uint64_t seed, Census& census) {
  const std::size_t blocks = Block::live();
  {
    World world(seed);
    world.run();
    count(world, census);
    for (const std::string& violation : world.violations()) {
      ADD_FAILURE() << "OUTRIGGER_SEED=" << seed << ": " << violation;
    }
    if (seed % kTwiceEvery == 0) {
      World again(seed);
      again.run();
      EXPECT_EQ(world.trace(), again.trace()) << "OUTRIGGER_SEED=" << seed << " is not repeatable";
    }
  }
  EXPECT_EQ(Block::live(), blocks) << "OUTRIGGER_SEED=" << seed;
}

TEST(Simulation, HoldsItsInvariantsOverThousandsOfSeeds) {
  Census census;
  if (std::getenv("OUTRIGGER_SEED") != nullptr) {
    const std::uint64_t seed = from_environment("OUTRIGGER_SEED", 0);
    World world(seed);
    world.run();
    std::cout << world.trace();
    return run(seed, census);
  }
  const std::uint64_t seeds = from_environment("OUTRIGGER_SEEDS", kSeeds);
  for (std::uint64_t seed = 0; seed < seeds && !HasFailure(); ++seed) run(seed, census);
  for (const auto& [what, times] : census) {
    RecordProperty(what, std::to_string(times));
  }
}

}  // namespace
}  // namespace outrigger::simulation
