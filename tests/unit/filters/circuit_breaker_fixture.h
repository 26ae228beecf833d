// Runs the circuit breaker's filter in simulated time, with an upstream that does as each call's
// script says.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "filters/circuit_breaker/circuit_breaker.h"
#include "filters/observe/observe.h"
#include "tests/unit/filters/chain_fixture.h"

namespace outrigger::filters {

// Trips after two failures, closes after one success, never ramps.
inline config::CircuitBreaker quick_policy(std::vector<config::BreakerKey> key) {
  config::CircuitBreaker policy;
  policy.failures_in_a_row = 2;
  policy.open = {.first = 5s, .factor = 2, .max = 20s, .jitter = 0};
  policy.half_open = {.probes = 1, .lease = 60s, .successes = 1};
  policy.ramp.reset();
  policy.key = std::move(key);
  return policy;
}

class CircuitBreakerTest : public ChainTest {
 protected:
  CircuitBreakerTest() {
    upstream_.name = "llm";
    upstream_.policies.circuit_breaker = quick_policy({config::BreakerKey::kModel});
    upstream_.policies.headers = config::DecisionHeaders::kFull;
    loop_.advance(1000s);
  }
  ~CircuitBreakerTest() override {
    scope_.cancel({});
    loop_.advance(0s);
    outcome_.reset();
    exchange_.reset();
    chain_.reset();
    for (const Pinned& breaker : group()->all()) {
      EXPECT_EQ(breaker->permits_out(), 0u) << to_string(breaker->kind());
      EXPECT_EQ(breaker->status(loop_.now()).probes_out, 0u) << to_string(breaker->kind());
    }
  }

  // ---- what the upstream does with the next calls ----

  using Script = ScriptedEnd::Script;
  static void attempt(Exchange& exchange, std::uint16_t endpoint = 0) {
    Attempt made;
    made.endpoint_index = endpoint;
    made.started = exchange.loop.now();
    made.phase = Phase::kAnswered;
    made.status = 200;
    exchange.attempts.push_back(made);
  }
  // An answer that the classifier judges at once.
  Script ends(Verdict verdict, std::uint16_t endpoint = 0) {
    return [verdict, endpoint](Exchange& exchange) -> Task<Result<http::Response>> {
      attempt(exchange, endpoint);
      exchange.conclude(exchange.attempts.size() - 1, verdict);
      co_return http::Response{};
    };
  }
  // A stream: its end is told later.
  Script streams() {
    return [](Exchange& exchange) -> Task<Result<http::Response>> {
      attempt(exchange);
      co_return http::Response{};
    };
  }
  static void lose_connection(Exchange& exchange, std::uint16_t endpoint = 0) {
    attempt(exchange, endpoint);
    Attempt& made = exchange.attempts.back();
    made.failed = true;
    made.status = 0;
    made.phase = Phase::kNoConnection;
    made.code = Errc::kConnect;
    exchange.conclude(exchange.attempts.size() - 1, Verdict::kRefusedUnsent);
  }
  Script connects_nowhere() {
    return [](Exchange& exchange) -> Task<Result<http::Response>> {
      lose_connection(exchange);
      co_return fail(Errc::kConnect, Origin::kUpstream, "connection_refused");
    };
  }

  // ---- calls ----

  void build() {
    if (chain_ != nullptr) return;
    if (observed_) add(std::make_unique<Observe>(observe_, "llm", "_default"));
    add(std::make_unique<CircuitBreaker>(breakers_, upstream_, route_, shard_, loop_.now()));
    end_with([this](Exchange& exchange) {
      ++reached_;
      return upstream_does_(exchange);
    });
    chain_ = std::make_unique<Chain>(std::move(filters_));
  }
  // A new exchange that asks for `model`; over unless the script waits.
  void call(Script script, std::string_view model = "big") {
    build();
    outcome_.reset();
    exchange_.reset();
    request_ = {};
    upstream_does_ = std::move(script);
    exchange().model = model;
    exchange().routed.policies = &upstream_.policies;
    again();
  }
  Task<void> run() {
    outcome_ = std::make_unique<Result<http::Response>>(co_await chain_->run(exchange()));
  }
  // Another attempt of the same exchange, as retry makes it.
  void again() {
    outcome_.reset();
    tasks_.spawn(run());
    loop_.advance(0s);
  }
  void trip(std::string_view model = "big") {
    call(ends(Verdict::kTransient), model);
    call(ends(Verdict::kTransient), model);
  }
  [[nodiscard]] bool refused() const {
    return outcome_ && !*outcome_ && outcome_->error().reason == "circuit_open";
  }

  std::shared_ptr<UpstreamBreakers> group() {
    const auto& policy =
        route_ != nullptr ? route_->policies.circuit_breaker : upstream_.policies.circuit_breaker;
    return breakers_.of("llm", route_ != nullptr ? route_->name : "", *policy, loop_.now());
  }
  BreakerState state(std::string_view model = "big") {
    return group()->of({.model = model, .credential = 0, .endpoint = {}}, loop_.now())->state();
  }
  BreakerState endpoint_state(std::string_view endpoint) {
    return group()->of({.model = {}, .credential = 0, .endpoint = endpoint}, loop_.now())->state();
  }
  void use_endpoints(std::size_t count) {
    upstream_.policies.circuit_breaker = quick_policy({config::BreakerKey::kEndpoint});
    for (std::size_t i = 0; i < count; ++i) {
      upstream_.endpoints.push_back(
          {.url = "", .tls = false, .host = "e" + std::to_string(i), .port = 80, .base_path = ""});
    }
  }
  void pass(Duration d) {
    loop_.advance(d);
    group()->tick(loop_.now());
  }

  config::Upstream upstream_;
  config::Route own_route_;
  const config::Route* route_ = nullptr;
  MetricRegistry metrics_;
  MetricShard& shard_ = metrics_.add_shard();
  ObserveContext observe_{shard_, nullptr, LogStyle::kJson, 1};
  bool observed_ = false;
  SharedBreakers breakers_{{.listener = {}, .seed = 1}};
  Script upstream_does_;
  int reached_ = 0;
};

}  // namespace outrigger::filters
