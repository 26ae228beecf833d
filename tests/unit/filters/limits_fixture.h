// Many calls at once through the filters of limits, in simulated time, to an upstream that takes as
// long, and answers, as a test says.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "filters/concurrency/concurrency.h"
#include "filters/rate_limit/rate_limit.h"
#include "tests/unit/filters/chain_fixture.h"

namespace outrigger::filters {

class LimitsTest : public ::testing::Test {
 protected:
  struct Call {
    Call(LimitsTest& test, http::Request request)
        : exchange(test.loop_, std::move(request), test.sink_, test.client_, scope) {}
    CancelScope scope;
    Exchange exchange;
    std::optional<Result<http::Response>> outcome;
    TimePoint sent;   // it reached the upstream
    TimePoint ended;  // it has its outcome
    bool reached = false;
    [[nodiscard]] std::string_view error() const {
      if (!outcome) return "waits";
      return outcome->has_value() ? "none" : outcome->error().reason;
    }
    [[nodiscard]] bool ok() const { return outcome && outcome->has_value(); }
  };

  LimitsTest() {
    upstream_.name = "llm";
    loop_.advance(1000s);
    zero_ = loop_.now();
  }
  ~LimitsTest() override {
    for (auto& call : calls_) call->scope.cancel({});
    loop_.advance(0s);
    calls_.clear();
    for (const auto& group : limits_.all()) {
      for (const PinnedLimit& limit : group->all()) {
        EXPECT_EQ(limit->waiting(), 0u);
        EXPECT_EQ(limit->pins(), 1u) << "somebody holds on to a limit";
      }
    }
    chain_.reset();
    EXPECT_EQ(loop_.timers(), 0u);
    EXPECT_EQ(FramePool::live(), 0u);
  }

  // What the upstream does with a call: an attempt, a while, a verdict. A test may put another in
  // its place.
  using Script = std::function<Task<Result<http::Response>>(Call&)>;
  Script answers(Verdict verdict, Duration takes = 0s, std::optional<TokenUsage> usage = {}) {
    return [this, verdict, takes, usage](Call& call) -> Task<Result<http::Response>> {
      Exchange& exchange = call.exchange;
      begin_attempt(exchange);
      if (takes > 0s) CO_TRY(co_await SleepFor(loop_, *exchange.scope, takes));
      exchange.attempts.back().usage = usage;
      exchange.conclude(exchange.attempts.size() - 1, verdict);
      http::Response response;
      response.head.status = verdict == Verdict::kOk ? 200 : 429;
      for (const auto& [name, value] : headers_) response.head.headers.add(name, value);
      co_return response;
    };
  }
  // An answer whose head is there, and whose end the test tells: call.exchange.conclude(…).
  Script streams() {
    return [this](Call& call) -> Task<Result<http::Response>> {
      begin_attempt(call.exchange);
      co_return http::Response{};
    };
  }
  // Refused by what stands behind the limits.
  static Script never_sends() {
    return [](Call&) -> Task<Result<http::Response>> {
      co_return fail(Errc::kOverload, Origin::kProxy, "circuit_open");
    };
  }
  void begin_attempt(Exchange& exchange) {
    Attempt made;
    made.started = loop_.now();
    made.phase = Phase::kAnswered;
    made.status = 200;
    exchange.attempts.push_back(made);
  }

  void build() {
    if (chain_ != nullptr) return;
    std::vector<std::unique_ptr<Filter>> filters;
    if (upstream_.policies.rate_limit) {
      filters.push_back(
          std::make_unique<RateLimit>(limits_, upstream_, nullptr, shard_, clock_, loop_.now()));
    }
    if (upstream_.policies.concurrency) {
      filters.push_back(
          std::make_unique<ConcurrencyLimit>(limits_, upstream_, nullptr, shard_, loop_.now()));
    }
    filters.push_back(std::make_unique<ScriptedEnd>([this](Exchange& exchange) {
      for (auto& call : calls_) {
        if (&call->exchange != &exchange) continue;
        call->reached = true;
        call->sent = loop_.now();
        ++sent_;
        return upstream_does_(*call);
      }
      std::abort();
    }));
    chain_ = std::make_unique<Chain>(std::move(filters));
  }

  struct With {
    std::string_view body = "{}";
    std::string_view execution = {};
    std::uint64_t credential = 7;
    std::string_view model = "big";
    std::optional<Duration> deadline = {};
  };
  Call& call() { return call(With{}); }
  Call& call(const With& with) {
    build();
    http::Request request;
    request.head.method = http::Method::kPost;
    request.head.headers.add("Content-Type", "application/json");
    request.body = http::Body(Slice::copy(with.body));
    calls_.push_back(std::make_unique<Call>(*this, std::move(request)));
    Call& it = *calls_.back();
    it.exchange.routed.upstream = &upstream_;
    it.exchange.routed.policies = &upstream_.policies;
    it.exchange.execution = with.execution;
    it.exchange.credential = it.exchange.sent_credential = with.credential;
    it.exchange.model = with.model;
    if (with.deadline) it.exchange.deadline = loop_.now() + *with.deadline;
    tasks_.spawn(run(it));
    return it;
  }
  Task<void> run(Call& call) {
    call.outcome.emplace(co_await chain_->run(call.exchange));
    call.ended = loop_.now();
  }
  // Since the test began.
  [[nodiscard]] Duration when(TimePoint point) const { return point - zero_; }
  [[nodiscard]] std::uint64_t counted(Metric metric, std::string_view by) const {
    return registry_.total(metric, {"llm", by});
  }
  [[nodiscard]] std::uint64_t queued() const {
    return registry_.total(Metric::kQueueWait, {"llm"});
  }

  SimLoop loop_;
  TimePoint zero_;
  NoClient sink_;
  http::ClientInfo client_;
  config::Upstream upstream_;
  SharedLimits limits_;
  MetricRegistry registry_;
  MetricShard& shard_ = registry_.add_shard();
  WallClock clock_{[]() noexcept { return std::int64_t{1'772'000'000'000'000}; }};
  std::vector<std::pair<std::string, std::string>> headers_;
  Script upstream_does_ = answers(Verdict::kOk);
  std::unique_ptr<Chain> chain_;
  std::list<std::unique_ptr<Call>> calls_;
  int sent_ = 0;
  TaskGroup tasks_{loop_};
};

}  // namespace outrigger::filters
