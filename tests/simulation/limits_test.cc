// Limits in simulated worlds, as tables that are printed, and thousands of seeds that are held
// against what limits promise (resilience 5.3 "Limits", 5.4).
//   OUTRIGGER_SEEDS=n  runs so many     OUTRIGGER_SEED=n  runs that one
#include <cstdlib>
#include <numeric>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "proxy/runtime/frame_pool.h"
#include "tests/simulation/limit_world.h"
#include "tests/unit/filters/limit_policies.h"

namespace outrigger::simulation {
namespace {

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

void expect_kept(const LimitWorld& world) {
  for (const std::string& violation : world.violations()) ADD_FAILURE() << violation;
}

config::Policies policies() {
  config::Policies all;
  all.classify.clear();
  all.retry->max_attempts = 10;
  all.retry->budget.reset();
  all.retry->backoff = {.base = 100ms, .factor = 2, .max = 2s, .jitter = config::Jitter::kNone};
  all.circuit_breaker.reset();
  return all;
}

config::Policies finds_its_limit(std::uint32_t start) {
  config::Policies all = policies();
  all.concurrency = filters::at_a_time(start, 1, 200, {.size = 1000, .wait = 10min});
  return all;
}

void print_agents(const char* title, const LimitWorld& world) {
  fmt::print("\n{}\n  {:<10}{:>8}{:>8}{:>9}{:>11}{:>8}{:>10}{:>10}\n", title, "agent", "begun",
             "ok", "refused", "429 seen", "share", "wait p50", "wait max");
  double all = 0;
  for (const auto& tally : world.tallies()) all += tally->tokens;
  for (const auto& tally : world.tallies()) {
    fmt::print("  {:<10}{:>8}{:>8}{:>9}{:>11}{:>7.1f}%{:>9.1f}s{:>9.1f}s\n", tally->name,
               tally->begun, tally->ok, tally->refused, tally->throttled, tally->tokens / all * 100,
               seconds(tally->wait(0.5)), seconds(tally->wait(1)));
  }
}

// ---- convergence ----

struct Converges {
  std::uint32_t start;
  std::uint32_t capacity;
};

TEST(LimitsSimulation, TheLimitFindsTheCapacityOfTheUpstreamAndStaysAroundIt) {
  fmt::print(
      "\nAIMD against a capacity that nobody tells; 60 callers, each with one call at a "
      "time\n  {:>6}{:>10}   limit after 10 s, 1 min, 2 min, 5 min, 10 min; mean, least, "
      "most of the last 8 min; 429s; used\n",
      "start", "capacity");
  for (const Converges& row : {Converges{64, 5}, Converges{64, 20}, Converges{1, 20},
                               Converges{8, 40}, Converges{200, 12}}) {
    LimitWorld world(row.capacity, finds_its_limit(row.start), {.at_a_time = row.capacity});
    world.add({.name = "a", .parallel = 60});
    world.run(600s, 1s);
    const auto& samples = world.samples();
    double sum = 0, least = 1e9, most = 0, used = 0;
    for (std::size_t i = 120; i < samples.size(); ++i) {
      sum += samples[i].limit;
      used += std::min(samples[i].in_service, row.capacity);
      least = std::min<double>(least, samples[i].limit);
      most = std::max<double>(most, samples[i].limit);
    }
    const double mean = sum / 480;
    fmt::print("  {:>6}{:>10}   {:>4}{:>6}{:>6}{:>6}{:>6}; {:.1f}, {}, {}; {:.2f}% ; {:.0f}%\n",
               row.start, row.capacity, samples[9].limit, samples[59].limit, samples[119].limit,
               samples[299].limit, samples[599].limit, mean, least, most,
               100.0 * static_cast<double>(samples.back().throttled) /
                   static_cast<double>(samples.back().ok),
               used / 480 / row.capacity * 100);
    EXPECT_GE(mean, row.capacity * 0.65);
    EXPECT_LE(mean, row.capacity * 1.1);
    EXPECT_GE(least, std::floor(row.capacity * 0.4));
    EXPECT_LE(most, row.capacity + 3);
    world.finish(200s);
    expect_kept(world);
    EXPECT_EQ(world.tallies()[0]->throttled, 0u) << "a caller saw a 429";
  }
}

TEST(LimitsSimulation, TheLimitFollowsACapacityThatChanges) {
  LimitWorld world(7, finds_its_limit(64), {.at_a_time = 30});
  world.add({.name = "a", .parallel = 60});
  fmt::print("\nA capacity that changes\n  {:>8}{:>10}{:>14}\n", "minute", "capacity",
             "mean limit");
  std::uint32_t minute = 0;
  for (const std::uint32_t capacity : {30u, 6u, 30u}) {
    world.change({.at_a_time = capacity});
    double mean = 0;
    for (int i = 0; i < 5; ++i) {
      const std::size_t first = world.samples().size();
      world.run(60s, 1s);
      mean = 0;
      for (std::size_t at = first; at < first + 60; ++at) mean += world.samples()[at].limit / 60.0;
      fmt::print("  {:>8}{:>10}{:>14.1f}\n", ++minute, capacity, mean);
    }
    EXPECT_GE(mean, capacity * 0.6);
    EXPECT_LE(mean, capacity * 1.15);
  }
  world.finish(200s);
  expect_kept(world);
}

// ---- fairness ----

TEST(LimitsSimulation, AgentsGetEqualSlotsHoweverManyCallsEachHas) {
  LimitWorld world(3, finds_its_limit(8), {.at_a_time = 12});
  world.add({.name = "modest", .parallel = 8});
  world.add({.name = "busy", .parallel = 40});
  world.add({.name = "greedy", .parallel = 200});
  world.run(900s, 10s);
  print_agents("Three agents at an upstream that bears 12 calls at a time", world);
  for (const auto& tally : world.tallies()) {
    const double share = tally->tokens / (world.tallies()[0]->tokens + world.tallies()[1]->tokens +
                                          world.tallies()[2]->tokens);
    EXPECT_NEAR(share, 1.0 / 3, 0.03) << tally->name;
  }
  world.finish(600s);
  expect_kept(world);
}

TEST(LimitsSimulation, AgentsGetEqualTokensHoweverLargeTheirRequestsAre) {
  config::Policies all = policies();
  all.rate_limit = filters::rates({}, config::Rate{60000, 60s}, 2s, {.size = 1000, .wait = 10min});
  LimitWorld world(4, all, {});
  world.add({.name = "small", .parallel = 100, .prompt_bytes = 400});
  world.add({.name = "medium", .parallel = 20, .prompt_bytes = 4'000});
  world.add({.name = "huge", .parallel = 4, .prompt_bytes = 40'000});
  world.run(1800s, 10s);
  print_agents("100, 1000 and 10000 tokens a request, 60000 tokens a minute", world);
  double sum = 0;
  for (const auto& tally : world.tallies()) sum += tally->tokens;
  for (const auto& tally : world.tallies()) {
    EXPECT_NEAR(tally->tokens / sum, 1.0 / 3, 0.06) << tally->name;
  }
  EXPECT_LE(sum, 60000 * 30 + 12000);
  EXPECT_GE(sum, 60000 * 30 * 0.95);
  world.finish(600s);
  expect_kept(world);
}

TEST(LimitsSimulation, AnAgentThatSendsLittleWaitsLittleBesideAFlood) {
  config::Policies all = policies();
  all.rate_limit = filters::rates(config::Rate{60, 60s}, {}, 2s, {.size = 1000, .wait = 30min});
  LimitWorld world(5, all, {});
  world.add({.name = "flood", .parallel = 300});
  world.add({.name = "quiet", .parallel = 1, .pause = 10s});
  world.run(1200s, 10s);
  print_agents("A flood beside one who asks every ten seconds, 60 requests a minute", world);
  EXPECT_LE(world.tallies()[1]->wait(1), 2s);
  EXPECT_GE(world.tallies()[1]->ok, 80u);
  world.finish(900s);
  expect_kept(world);
}

// ---- a batch ----

TEST(LimitsSimulation, ABatchOf200At60AMinuteSeesNo429AndLosesNothing) {
  fmt::print("\n200 calls at once against 60 requests a minute\n  {:<26}{:>6}{:>16}{:>14}{:>10}\n",
             "limit", "ok", "429s upstream", "seen by them", "time");
  struct Case {
    const char* what;
    bool configured;
    double bucket;
    Duration longest;
  };
  for (const Case& row :
       {Case{"configured", true, 2.0 / 60, 210s}, Case{"configured, full bucket", true, 1, 210s},
        Case{"learnt from headers", false, 1, 160s},
        Case{"learnt, a small bucket", false, 0.2, 220s}}) {
    config::Policies all = policies();
    all.retry->max_attempts = 5;
    all.rate_limit = filters::rates({}, {}, 2s, {.size = 1000, .wait = 10min});
    if (row.configured) all.rate_limit->requests = config::Rate{60, 60s};
    LimitWorld world(
        6, all,
        {.requests = config::Rate{60, 60s}, .bucket = row.bucket, .headers = !row.configured});
    world.add({.name = "batch", .parallel = 200, .calls = 1});
    world.run(5s, 1s);
    world.finish(600s);
    const Tally& batch = *world.tallies()[0];
    fmt::print("  {:<26}{:>6}{:>16}{:>14}{:>9.1f}s\n", row.what, batch.ok, world.throttled(),
               batch.throttled, seconds(world.last_answer()));
    EXPECT_EQ(batch.ok, 200u);
    EXPECT_EQ(batch.throttled + batch.refused + batch.lost, 0u);
    EXPECT_LE(world.last_answer(), row.longest);
    if (row.configured) EXPECT_EQ(world.throttled(), 0u);
    expect_kept(world);
  }
}

// ---- any world ----

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

config::Policies any_policies(Dice& dice) {
  config::Policies all = policies();
  all.retry->max_attempts = static_cast<std::uint32_t>(dice.between(1, 4));
  const config::LimitQueue queue{.size = static_cast<std::uint32_t>(dice.between(0, 40)),
                                 .wait = dice.between(0ms, 20s)};
  if (dice.chance(0.7)) {
    all.rate_limit = filters::rates({}, {}, dice.between(0ms, 5s), queue);
    if (dice.chance(0.7)) all.rate_limit->requests = config::Rate{dice.between(1, 600), 60s};
    if (dice.chance(0.4)) all.rate_limit->tokens = config::Rate{dice.between(500, 60000), 60s};
  }
  if (!all.rate_limit || dice.chance(0.7)) {
    const auto max = static_cast<std::uint32_t>(dice.between(1, 30));
    const auto min = static_cast<std::uint32_t>(dice.between(1, max));
    all.concurrency =
        filters::at_a_time(static_cast<std::uint32_t>(dice.between(min, max)), min, max, queue);
  }
  return all;
}

void run_any(std::uint64_t seed, std::uint64_t& ok, std::uint64_t& refused, std::uint64_t& left) {
  Dice dice(seed);
  const config::Policies all = any_policies(dice);
  Capacity capacity{.fastest = 1ms, .slowest = dice.between(1ms, 4s)};
  if (dice.chance(0.5)) capacity.at_a_time = static_cast<std::uint32_t>(dice.between(1, 20));
  if (dice.chance(0.5)) capacity.requests = config::Rate{dice.between(10, 600), 60s};
  capacity.headers = dice.chance(0.5);
  capacity.lost = dice.pick({0.0, 0.1});
  capacity.unreached = dice.pick({0.0, 0.1});
  LimitWorld world(seed, all, capacity);
  const std::uint64_t agents = dice.between(1, 3);
  for (std::uint64_t i = 0; i < agents; ++i) {
    world.add({.name = std::string(1, static_cast<char>('a' + i)),
               .parallel = static_cast<std::uint32_t>(dice.between(1, 8)),
               .prompt_bytes = dice.pick<std::size_t>({20, 400, 40'000}),
               .pause = dice.between(100ms, 2s),
               .leaves = dice.pick({0.0, 0.3}),
               .deadline = dice.chance(0.3) ? std::optional(dice.between(100ms, 20s))
                                            : std::optional<Duration>()});
  }
  world.run(15s, 5s);
  world.finish(600s);
  for (const std::string& violation : world.violations()) {
    ADD_FAILURE() << "OUTRIGGER_SEED=" << seed << ": " << violation;
  }
  for (const auto& tally : world.tallies()) {
    ok += tally->ok;
    refused += tally->refused;
    left += tally->left;
    for (const Duration wait : tally->waits) {
      const Duration most = std::max(all.rate_limit ? all.rate_limit->queue.wait : 0s,
                                     all.concurrency ? all.concurrency->queue.wait : 0s);
      EXPECT_LE(wait, most * 2 * static_cast<int>(all.retry->max_attempts) + 1s)
          << "OUTRIGGER_SEED=" << seed;
    }
  }
}

// In parts, which run side by side.
class LimitsSeeds : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  static constexpr std::uint64_t kParts = 4;
};

TEST_P(LimitsSeeds, LimitsKeepTheirPromisesOverThousandsOfSeeds) {
  std::uint64_t ok = 0, refused = 0, left = 0;
  if (std::getenv("OUTRIGGER_SEED") != nullptr) {
    return run_any(from_environment("OUTRIGGER_SEED", 0), ok, refused, left);
  }
  const std::uint64_t seeds = from_environment("OUTRIGGER_SEEDS", 2000) / kParts;
  const std::uint64_t first = GetParam() * seeds;
  for (std::uint64_t seed = first; seed < first + seeds && !HasFailure(); ++seed) {
    run_any(seed, ok, refused, left);
    ASSERT_EQ(FramePool::live(), 0u) << "OUTRIGGER_SEED=" << seed;
  }
  fmt::print("\n{} worlds: {} calls answered, {} refused, {} left by their clients\n", seeds, ok,
             refused, left);
  EXPECT_GT(ok, seeds * 10);
  EXPECT_GT(refused, seeds);
  EXPECT_GT(left, seeds / 2);
}
INSTANTIATE_TEST_SUITE_P(, LimitsSeeds, ::testing::Range<std::uint64_t>(0, 4));

}  // namespace
}  // namespace outrigger::simulation
