// Every operation of a disk fails once, in every way, under a scenario of a dozen keys; then a
// process finds what a power cut has left (durability 5.1, 5.2 L1 and L2, 5.3 cases 1 to 6).
// A short part of it runs always. OUTRIGGER_FAULT_SEEDS=1-100 sweeps those seeds in whole.
#include <array>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/filters/idempotency_fault_run.h"

namespace outrigger::filters {
namespace {

constexpr std::array kFaults = {DiskFault::kRefused, DiskFault::kCutShort, DiskFault::kFull,
                                DiskFault::kPowerCut};
// The first of each kind: what differs in its numbers only is one.
std::string first_of(const std::vector<std::string>& wrong) {
  std::map<std::string, std::pair<std::size_t, std::string>> kinds;
  for (const std::string& each : wrong) {
    std::string kind = each.substr(each.rfind(": ") + 2);
    std::erase_if(kind, [](char c) { return c >= '0' && c <= '9'; });
    const auto [known, is_new] = kinds.try_emplace(kind, 0, each);
    ++known->second.first;
  }
  std::string text;
  for (const auto& [kind, seen] : kinds) {
    text += fmt::format("{} times: {}\n", seen.first, seen.second);
  }
  return text;
}

// First and last; 0: none.
std::pair<std::uint64_t, std::uint64_t> seeds_asked_for() {
  const char* text = std::getenv("OUTRIGGER_FAULT_SEEDS");
  if (text == nullptr) return {0, 0};
  char* rest = nullptr;
  const std::uint64_t first = std::strtoull(text, &rest, 10);
  return {first, *rest == '-' ? std::strtoull(rest + 1, nullptr, 10) : first};
}

// The n-th operation, for every n until a run ends unhit; always the same run, because the sweep of
// it costs much and is looked at from two sides.
class FaultSweep {
 public:
  static FaultRun& swept() {
    static FaultRun run;
    static const bool done = sweep(run);
    EXPECT_TRUE(done);
    return run;
  }

 private:
  static bool sweep(FaultRun& run) {
    const auto [first, last] = seeds_asked_for();
    std::uint64_t runs = 0;
    for (std::uint64_t seed = first; first != 0 && seed <= last; ++seed) {
      for (const DiskFault fault : kFaults) {
        for (std::int64_t n = 1; ++runs, run.run({seed, fault, n}); ++n) continue;
      }
    }
    if (first == 0) runs = sweep_in_short(run);
    fmt::print("{} runs, {} disks looked at\n", runs, run.states());
    return runs > 100;
  }
  // Each operation in one way, by turns.
  static std::uint64_t sweep_in_short(FaultRun& run) {
    std::uint64_t runs = 0;
    for (const std::uint64_t seed : {1, 3}) {
      bool hit = true;
      for (std::uint64_t n = 1; hit; ++n, ++runs) {
        hit = run.run({seed, kFaults[(n + seed) % kFaults.size()], static_cast<std::int64_t>(n)});
      }
    }
    return runs;
  }
};

TEST(FaultSweepTest, NothingIsLostNothingHappensTwiceNothingIsHalf) {
  const FaultRun& run = FaultSweep::swept();
  EXPECT_TRUE(run.wrong().empty()) << first_of(run.wrong());
}

TEST(FaultSweepTest, TheBooksAreRight) {
  const FaultRun& run = FaultSweep::swept();
  EXPECT_TRUE(run.wrong_books().empty()) << first_of(run.wrong_books());
}

FaultRun& unhit_runs() {
  static FaultRun run;
  static const bool done = [] {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) EXPECT_FALSE(run.run({.seed = seed}));
    return true;
  }();
  EXPECT_TRUE(done);
  return run;
}

TEST(FaultSweepTest, WithoutAFaultEveryPromiseIsKept) {
  EXPECT_TRUE(unhit_runs().wrong().empty()) << first_of(unhit_runs().wrong());
}

TEST(FaultSweepTest, TheBooksAreRightWithoutAFault) {
  EXPECT_TRUE(unhit_runs().wrong_books().empty()) << first_of(unhit_runs().wrong_books());
}

}  // namespace
}  // namespace outrigger::filters
