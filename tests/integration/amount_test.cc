// rate_limit and concurrency over real sockets: a batch that keeps to a rate, and the line of those
// who wait: full, left, in order of deadlines, through reloads and the end of the process
// (resilience 5.3: Limits).
#include <chrono>
#include <csignal>
#include <memory>
#include <mutex>

#include "tests/integration/scenario.h"

namespace outrigger::test {
namespace {

// A bucket as OpenAI has one: what it has no room for gets a 429, and every answer tells of it.
class Bucket {
 public:
  Bucket(double size, double a_second) : size_(size), a_second_(a_second), level_(size) {}

  Script::Step step() {
    return [this](Exchange& exchange) {
      const Response answer = take();
      exchange.reply(answer);
    };
  }
  [[nodiscard]] int refused() {
    const std::scoped_lock lock(mutex_);
    return refused_;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Response take() {
    const std::scoped_lock lock(mutex_);
    const auto now = Clock::now();
    level_ = std::min(level_ + a_second_ * std::chrono::duration<double>(now - at_).count(), size_);
    at_ = now;
    Response answer;
    answer.status = level_ >= 1 ? 200 : 429;
    if (level_ >= 1) {
      level_ -= 1;
    } else {
      ++refused_;
    }
    answer.headers = {
        {"x-ratelimit-limit-requests", fmt::format("{}", static_cast<int>(size_))},
        {"x-ratelimit-remaining-requests", fmt::format("{}", static_cast<int>(level_))},
        {"x-ratelimit-reset-requests",
         fmt::format("{}ms", static_cast<int>((size_ - level_) / a_second_ * 1000))}};
    answer.body = "done";
    return answer;
  }

  std::mutex mutex_;
  const double size_, a_second_;
  double level_;
  Clock::time_point at_ = Clock::now();
  int refused_ = 0;
};

class Amount : public Scenario {
 protected:
  static constexpr int kBatch = 200;

  // All at once, each on a connection of its own.
  void send_batch() {
    std::vector<std::unique_ptr<Client>> clients;
    std::vector<std::unique_ptr<Call>> calls;
    for (int i = 0; i < kBatch; ++i) {
      clients.push_back(std::make_unique<Client>(client()));
      calls.push_back(clients.back()->begin(get("/up/p")));
    }
    for (const auto& call : calls) {
      const Response answer = call->read_all(Deadline(60s));
      ++answers_[answer.status];
      if (answer.complete) ++complete_;
    }
  }
  void wait_for_waiting(int count) {
    ASSERT_TRUE(eventually(
        [&] { return proxy().metric("outrigger_queue_depth{upstream=\"up\"}") == count; }));
  }
  // The targets in the order in which the upstream got them.
  [[nodiscard]] std::string order() const {
    std::string out;
    for (const Request& request : upstream.requests()) out += request.target + " ";
    return out;
  }

  std::map<int, int> answers_;
  int complete_ = 0;
};
INSTANTIATE_TEST_SUITE_P(, Amount, ::testing::ValuesIn(kBothProtocols), protocols_name);

// 60 in a time that is short enough for a test; the minute itself is simulated (tests/simulation).
TEST_P(Amount, ABatchKeepsToAConfiguredRateAndLosesNothing) {
  Bucket bucket(120, 60);
  upstream.expect("GET /p").always().run(bucket.step());
  serve("retry: none, rate_limit: {requests: 60/s, burst: 500ms, learn: false}");
  send_batch();
  EXPECT_EQ(answers_, (std::map<int, int>{{200, kBatch}}));
  EXPECT_EQ(complete_, kBatch);
  EXPECT_EQ(bucket.refused(), 0);
  EXPECT_EQ(hits(), static_cast<std::size_t>(kBatch));
  EXPECT_GT(proxy().metric("outrigger_rate_limited_total{upstream=\"up\",by=\"local\"}"), 0);
  EXPECT_GT(proxy().metric("outrigger_queue_wait_seconds_count{upstream=\"up\"}"), 0);
  const auto waited = proxy().access_line(
      [](const nlohmann::json& line) { return line.value("queue_ms", 0.0) > 1000; });
  EXPECT_LT(waited["overhead_ms"], 1000);
}

TEST_P(Amount, ABatchLearnsTheRateFromHeadersAndNobodySeesA429) {
  Bucket bucket(60, 60);
  upstream.expect("GET /p").always().run(bucket.step());
  serve("retry: {max_attempts: 5, budget: none, backoff: {base: 10ms, max: 1s}}, rate_limit: {}");
  send_batch();
  EXPECT_EQ(answers_, (std::map<int, int>{{200, kBatch}}));
  EXPECT_EQ(complete_, kBatch);
  // The first come before anything is known; afterwards it is kept to.
  EXPECT_LE(bucket.refused(), kBatch);
  EXPECT_EQ(proxy().metric("outrigger_rate_limited_total{upstream=\"up\",by=\"upstream\"}"),
            bucket.refused());
}

TEST_P(Amount, WhatFindsNoPlaceIsToldWhenToComeBack) {
  upstream.expect("GET /1").reply(200);
  serve(
      "retry: none, headers: full, rate_limit: {requests: 6/h, burst: 1s, queue: {size: 1, wait: "
      "30m}}");
  EXPECT_EQ(ask(get("/up/1")).status, 200);
  Client waits = client();
  const auto waiting = waits.begin(get("/up/2"));
  wait_for_waiting(1);
  const Response answer = ask(get("/up/3"));
  expect_problem(answer, 429, "rate_limited");
  expect_gives_up(answer);
  const int seconds = std::stoi(value_of(answer.headers, "retry-after"));
  EXPECT_GE(seconds, 600);
  EXPECT_LE(seconds, 1200);
  EXPECT_GT(std::stoi(value_of(answer.headers, "retry-after-ms")), (seconds - 1) * 1000);
  EXPECT_EQ(hits(), 1u);
  EXPECT_EQ(proxy().access_line_of("/up/3")["why"], "http_request_denied");
  waiting->cancel();
  wait_for_waiting(0);
}

TEST_P(Amount, WhatWouldMissItsDeadlineIsRefusedAtOnce) {
  upstream.expect("GET /1").reply(200);
  serve("rate_limit: {requests: 6/h, burst: 1s, queue: {wait: 30m}}");
  EXPECT_EQ(ask(get("/up/1")).status, 200);
  const Response answer = ask(get("/up/2", {{"Outrigger-Deadline", "30s"}}));
  expect_problem(answer, 429, "rate_limited");
  EXPECT_EQ(hits(), 1u);
}

TEST_P(Amount, AClientThatLeavesTheLineIsNeverSent) {
  upstream.expect("GET /1").manually();
  upstream.expect("GET /3").reply(200);
  serve("concurrency: {start: 1, min: 1, max: 1}");
  Client first = client(), second = client(), third = client();
  const auto one = first.begin(get("/up/1"));
  Held held = upstream.accept();
  const auto two = second.begin(get("/up/2"));
  wait_for_waiting(1);
  const auto three = third.begin(get("/up/3"));
  wait_for_waiting(2);
  two->cancel();
  wait_for_waiting(1);
  held->reply(response(200, ""));
  held.release();
  EXPECT_EQ(one->read_all().status, 200);
  EXPECT_EQ(three->read_all().status, 200);
  EXPECT_EQ(order(), "/1 /3 ");
}

TEST_P(Amount, OfOneCallerTheNextDeadlineGoesFirst) {
  upstream.expect("GET /1").manually();
  for (const char* target : {"GET /patient", "GET /late", "GET /soon"}) {
    upstream.expect(target).reply(200);
  }
  serve("concurrency: {start: 1, min: 1, max: 1}");
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<std::unique_ptr<Call>> calls;
  const auto begin = [&](const Request& request) {
    clients.push_back(std::make_unique<Client>(client()));
    calls.push_back(clients.back()->begin(request));
  };
  begin(get("/up/1"));
  Held held = upstream.accept();
  begin(get("/up/patient"));
  wait_for_waiting(1);
  begin(get("/up/late", {{"Outrigger-Deadline", "60s"}}));
  wait_for_waiting(2);
  begin(get("/up/soon", {{"Outrigger-Deadline", "40s"}}));
  wait_for_waiting(3);
  held->reply(response(200, ""));
  held.release();
  for (const auto& call : calls) EXPECT_EQ(call->read_all().status, 200);
  EXPECT_EQ(order(), "/1 /soon /late /patient ");
}

TEST_P(Amount, ExecutionsTakeTurns) {
  upstream.expect("GET /1").manually();
  for (const char* target : {"GET /a1", "GET /a2", "GET /a3", "GET /b1"}) {
    upstream.expect(target).reply(200);
  }
  serve("concurrency: {start: 1, min: 1, max: 1}");
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<std::unique_ptr<Call>> calls;
  int waiting = -1;
  const auto begin = [&](const std::string& target, const std::string& execution) {
    clients.push_back(std::make_unique<Client>(client()));
    calls.push_back(clients.back()->begin(get(target, {{"Outrigger-Execution", execution}})));
    if (++waiting > 0) wait_for_waiting(waiting);
  };
  begin("/up/1", "a");
  Held held = upstream.accept();
  begin("/up/a1", "a");
  begin("/up/a2", "a");
  begin("/up/a3", "a");
  begin("/up/b1", "b");
  held->reply(response(200, ""));
  held.release();
  for (const auto& call : calls) EXPECT_EQ(call->read_all().status, 200);
  EXPECT_EQ(order(), "/1 /a1 /b1 /a2 /a3 ");
  EXPECT_EQ(find(upstream.requests()[0].headers, "outrigger-execution"), nullptr);
}

TEST_P(Amount, ASlotIsHeldUntilTheStreamHasEnded) {
  upstream.expect("GET /stream").manually();
  upstream.expect("GET /next").reply(200);
  serve("headers: full, concurrency: {start: 1, min: 1, max: 1}");
  Client first = client(), second = client();
  const auto stream = first.begin(get("/up/stream"));
  Held held = upstream.accept();
  held->start(200, {{"content-type", "text/event-stream"}});
  held->send("data: 1\n\n");
  EXPECT_EQ(stream->read_until("\n\n"), "data: 1\n\n");
  const auto next = second.begin(get("/up/next"));
  wait_for_waiting(1);
  EXPECT_EQ(hits(), 1u);
  held->send("data: 2\n\n");
  held->finish();
  held.release();
  const Response answer = next->read_all();
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(value_of(answer.headers, "server-timing").find(", queue;dur="), std::string::npos);
}

TEST_P(Amount, AStreamThatItsClientLeavesGivesItsSlotBack) {
  upstream.expect("GET /stream").manually();
  upstream.expect("GET /next").reply(200);
  serve("concurrency: {start: 1, min: 1, max: 1}");
  Client first = client(), second = client();
  const auto stream = first.begin(get("/up/stream"));
  Held held = upstream.accept();
  held->start(200, {{"content-type", "text/event-stream"}});
  held->send("data: 1\n\n");
  EXPECT_EQ(stream->read_until("\n\n"), "data: 1\n\n");
  const auto next = second.begin(get("/up/next"));
  wait_for_waiting(1);
  stream->cancel();
  EXPECT_EQ(next->read_all().status, 200);
}

TEST_P(Amount, ANewConfigurationServesThoseWhoWait) {
  upstream.expect("GET /1").reply(200);
  upstream.expect("GET /2").reply(200);
  serve("rate_limit: {requests: 6/h, burst: 1s, queue: {wait: 30m}}");
  EXPECT_EQ(ask(get("/up/1")).status, 200);
  Client second = client();
  const auto waiting = second.begin(get("/up/2"));
  wait_for_waiting(1);
  proxy().reload(with("rate_limit: {requests: 1000/s, burst: 1s, queue: {wait: 10m}}"));
  EXPECT_EQ(waiting->read_all().status, 200);
}

TEST_P(Amount, ThoseWhoWaitAreServedWhileTheProcessDrains) {
  upstream.expect("GET /1").manually();
  upstream.expect("GET /2").reply(200, "served");
  serve(with("concurrency: {start: 1, min: 1, max: 1}").drain("announce: 10ms, streams: 20s"));
  Client first = client(), second = client();
  const auto one = first.begin(get("/up/1"));
  Held held = upstream.accept();
  const auto two = second.begin(get("/up/2"));
  wait_for_waiting(1);
  proxy().process().signal(SIGTERM);
  held->reply(response(200, ""));
  held.release();
  EXPECT_EQ(one->read_all().status, 200);
  EXPECT_EQ(two->read_all().body, "served");
  proxy().expect_exit(0);
}

TEST_P(Amount, A429FollowedByARefusalOfOursIsTheUpstreams429) {
  upstream.expect("GET /p").reply(429, "slow down",
                                  {{"x-ratelimit-limit-requests", "1"},
                                   {"x-ratelimit-remaining-requests", "0"},
                                   {"x-ratelimit-reset-requests", "60s"}});
  serve(
      "retry: {max_attempts: 3, budget: none, hints: {honour: false}, backoff: {base: 1ms, max: "
      "5ms}}, "
      "rate_limit: {queue: {wait: 1s}}");
  const Response answer = ask(get("/up/p"));
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.body, "slow down");
  expect_gives_up(answer);
  EXPECT_GE(std::stoi(value_of(answer.headers, "retry-after")), 50);
  EXPECT_EQ(story("/up/p"), "429 throttled (limited)");
  EXPECT_EQ(proxy().metric_sum("outrigger_retries_exhausted_total", "reason=\"limited\""), 1);
}

TEST_P(Amount, ARefusalIsNoFailureOfTheUpstream) {
  upstream.expect("GET /1").reply(200);
  serve(
      "circuit_breaker: {failures_in_a_row: 2}, "
      "retry: {max_attempts: 3, backoff: {base: 1ms, max: 5ms}}, "
      "rate_limit: {requests: 6/h, burst: 1s, queue: {size: 0}}");
  EXPECT_EQ(ask(get("/up/1")).status, 200);
  for (int i = 0; i < 5; ++i) expect_problem(ask(get("/up/2")), 429, "rate_limited");
  EXPECT_EQ(proxy().metric_sum("outrigger_circuit_rejected_total"), 0);
  EXPECT_EQ(proxy().metric_sum("outrigger_retries_total"), 0);
  EXPECT_EQ(hits(), 1u);
}

TEST_P(Amount, InShadowNobodyWaits) {
  upstream.expect("GET /p").times(5).reply(200);
  serve(
      "shadow: [rate_limit, concurrency], concurrency: {start: 1, min: 1, max: 1}, "
      "rate_limit: {requests: 6/h, burst: 1s, queue: {size: 0}}");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(get("/up/p")).status, 200);
}

TEST_P(Amount, AWholeAnswerSettlesWithTheTokensThatItTellsOf) {
  upstream.expect("POST /p").times(3).reply(
      200, R"({"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":10,"total_tokens":15}})",
      {{"content-type", "application/json"}});
  serve(
      "dialect: openai, replay: safe, "
      "rate_limit: {tokens: 60/h, burst: 1h, queue: {size: 0}}");
  const auto request =
      post("/up/p", R"({"n":1,"max_tokens":20})", {{"content-type", "application/json"}});
  // 60 tokens: each takes 26 at first, and 15 in the end.
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(request).status, 200) << i;
  expect_problem(ask(request), 429, "rate_limited");
}

// Tokens of a stream are those of its last event that tells of them.
TEST_P(Amount, AStreamSettlesWithTheTokensThatItTellsOf) {
  const std::string chunk =
      R"(data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]})";
  const std::string used =
      R"(data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":10}})";
  upstream.expect("POST /p").times(3).reply_sse(
      {chunk + "\n\n", used + "\n\n", "data: [DONE]\n\n"});
  serve(
      "dialect: openai, replay: safe, "
      "rate_limit: {tokens: 60/h, burst: 1h, queue: {size: 0}}");
  const std::string body = R"({"stream":true,"max_tokens":20})";
  const auto request = post("/up/p", body, {{"content-type", "application/json"}});
  // 60 tokens: each takes 28 at first, and 15 in the end.
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(request).status, 200) << i;
  expect_problem(ask(request), 429, "rate_limited");
}

}  // namespace
}  // namespace outrigger::test
