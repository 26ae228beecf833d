// Breakers that open at a few failures, and the words to watch one by what comes through.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "tests/integration/scenario.h"

namespace outrigger::test {

inline constexpr const char* kOpensSoon =
    "circuit_breaker: {failures_in_a_row: 3, failure_rate: none, ramp: none, "
    "open: {first: 1h, max: 1h, jitter: 0%}, half_open: {successes: 1}}, retry: none";
// Opens at one failure and for so short that the next request is a probe.
inline constexpr const char* kProbesSoon =
    "circuit_breaker: {failures_in_a_row: 1, failure_rate: none, ramp: none, "
    "open: {first: 10ms, factor: 1, jitter: 0%}, half_open: {successes: 1}}, retry: none";

class BreakerScenario : public Scenario {
 protected:
  void fail(int times, const std::string& target = "/p") {
    upstream.expect("GET " + target).times(times).reply(500, "sick");
    for (int i = 0; i < times; ++i) EXPECT_EQ(ask(get("/up" + target)).status, 500);
  }
  void expect_open(const std::string& target = "/p") {
    const std::size_t before = hits();
    const Response refused = ask(get("/up" + target));
    EXPECT_EQ(refused.status, 503) << refused.body;
    EXPECT_NE(refused.body.find("circuit_open"), std::string::npos) << refused.body;
    EXPECT_EQ(value_of(refused.headers, "outrigger-source"), "circuit");
    EXPECT_NE(value_of(refused.headers, "retry-after"), "");
    expect_gives_up(refused);
    EXPECT_EQ(hits(), before) << "the upstream sees nothing";
  }
  // Asks until a probe went through.
  Response ask_until_let_through(const std::string& target) {
    Response answer;
    const std::size_t before = hits();
    const bool through = eventually([&] {
      answer = ask(get("/up" + target));
      return hits() > before;
    });
    EXPECT_TRUE(through);
    return answer;
  }
  // A probe that waits for its answer.
  std::pair<std::unique_ptr<Call>, Held> begin_probe(Client& prober) {
    upstream.expect("GET /probe").manually();
    const Deadline deadline;
    for (;;) {
      std::unique_ptr<Call> call = prober.begin(get("/up/probe"));
      const bool taken = eventually([&] { return hits("/probe") > 0; }, Deadline(200ms));
      if (taken) return {std::move(call), upstream.accept()};
      if (deadline.passed()) give_up("no probe is let through");
      call->read_all();  // refused: not yet time for one
    }
  }
  void expect_transitions(const std::string& to, int count) {
    EXPECT_TRUE(eventually([&] { return transitions(to) == count; })) << to;
  }
  double transitions(const std::string& to) {
    return proxy().metric_sum("outrigger_circuit_transitions_total", "to=\"" + to + "\"");
  }
};

}  // namespace outrigger::test
