// Requests that fail in the same way again and again, in simulated time.
#include "filters/loop_guard/loop_guard.h"

#include <filesystem>
#include <string>
#include <vector>

#include "tests/unit/filters/inline_files.h"
#include "tests/unit/filters/retry_fixture.h"

namespace outrigger::filters {
namespace {

class LoopGuardTest : public RetryTest {
 protected:
  LoopGuardTest() { policies_.loop_guard.emplace(); }
  ~LoopGuardTest() override {
    scope_.cancel({});
    settle();
    outcome_.reset();
    exchange_.reset();
    settle();
    EXPECT_EQ(memory_.memory(), 0u);
    EXPECT_EQ(memory_.disk(), 0u);
  }

  // One request; returns how often the upstream was asked.
  std::size_t ask(ScriptedAttempt line) {
    outcome_.reset();
    exchange_.reset();
    filters_.clear();
    seen_.clear();
    add(std::make_unique<Intake>(intake_, policies_));
    add(std::make_unique<LoopGuard>(failures_, intake_, policies_, "openai", shard_));
    add(std::make_unique<Retry>(context_, policies_, "openai"));
    add(std::make_unique<ScriptedAttempts>(std::vector{std::move(line)}, seen_));
    request_.head.method = method_ == "GET" ? http::Method::kGet : http::Method::kPost;
    request_.head.method_text = method_;
    request_.head.target = target_;
    if (!key_.empty()) request_.head.headers.add("authorization", key_);
    if (piece_ == 0) {
      request_.body = http::Body(Slice::copy(body_));
    } else {
      request_.body = http::Body(std::make_unique<Upload>(body_, piece_), std::nullopt);
    }
    Exchange& it = exchange();
    it.started = loop_.now();
    it.routed.upstream = &upstream_;
    it.routed.policies = &policies_;
    start();
    settle();
    request_ = {};
    return seen_.size();
  }
  std::size_t ask_times(int times, const ScriptedAttempt& line) {
    std::size_t asked = 0;
    for (int i = 0; i < times; ++i) asked += ask(line);
    return asked;
  }
  void settle() {
    for (int i = 0; i < 100; ++i) loop_.advance(0s);
  }
  static ScriptedAttempt wrong(int status = 400, Verdict verdict = Verdict::kClientError) {
    ScriptedAttempt line = answers(status, verdict);
    line.headers = {{"content-type", "application/json"}, {"x-other", "dropped"}};
    line.body = "{\"error\":\"bad schema\"}";
    return line;
  }

  class Upload final : public http::BodySource {
   public:
    Upload(std::string text, std::size_t piece) : text_(std::move(text)), piece_(piece) {}
    Task<Result<Slice>> read(CancelScope&) override {
      const Slice bytes = Slice::copy(std::string_view(text_).substr(at_, piece_));
      at_ += bytes.size();
      co_return bytes;
    }
    [[nodiscard]] bool ready() const noexcept override { return true; }

   private:
    std::string text_;
    std::size_t piece_;
    std::size_t at_ = 0;
  };

  FailureMemory failures_;
  ReplayMemory memory_;
  InlineFiles files_;
  IntakeContext intake_{
      {memory_, files_, [] { return open_scratch(std::filesystem::temp_directory_path()); }},
      {1, 2}};
  MetricShard& shard_ = registry_.add_shard();
  std::string method_ = "POST", target_ = "/v1/chat/completions", body_ = "{\"n\":1}", key_;
  std::size_t piece_ = 0;
};

TEST_F(LoopGuardTest, TheFourthIsAnsweredFromMemory) {
  EXPECT_EQ(ask_times(3, wrong()), 3u);
  EXPECT_EQ(ask(ok()), 0u);
  EXPECT_EQ(status(), 400);
  EXPECT_EQ((*outcome_)->body.whole()->view(), "{\"error\":\"bad schema\"}");
  EXPECT_EQ(header("content-type"), "application/json");
  EXPECT_EQ(header("content-length"), "22");
  EXPECT_EQ(header("x-other"), "(absent)");
  EXPECT_EQ(header("outrigger-loop-guard"), "failures=3");
  EXPECT_EQ(header("x-should-retry"), "false");
  EXPECT_EQ(header("retry-after"), "30");
  EXPECT_EQ(exchange_->source, Source::kProxy);
  EXPECT_EQ(registry_.total(Metric::kLoopGuardAnswers, {"openai"}), 1u);
}

TEST_F(LoopGuardTest, AfterTheTimeOneFindsOut) {
  ask_times(3, wrong());
  loop_.advance(30s);
  EXPECT_EQ(ask(ok()), 1u);
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(ask_times(2, wrong()), 2u) << "a success ends the row";
}

TEST_F(LoopGuardTest, OnlyTheIdenticalRequest) {
  ask_times(3, wrong());
  body_ = "{\"n\":2}";
  EXPECT_EQ(ask(ok()), 1u);
  body_ = "{\"n\":1}";
  target_ = "/v1/responses";
  EXPECT_EQ(ask(ok()), 1u);
  target_ = "/v1/chat/completions";
  key_ = "Bearer other";
  EXPECT_EQ(ask(ok()), 1u);
  key_ = "";
  EXPECT_EQ(ask(ok()), 0u);
}

TEST_F(LoopGuardTest, NeverAfterWhatTimeMends) {
  policies_.retry->max_attempts = 1;
  policies_.retry->hints.honour = false;
  for (const auto& [status, verdict] :
       std::vector<std::pair<int, Verdict>>{{429, Verdict::kThrottled},
                                            {402, Verdict::kQuotaExhausted},
                                            {408, Verdict::kTimeout},
                                            {409, Verdict::kTransient},
                                            {503, Verdict::kOverloaded},
                                            {500, Verdict::kClientError}}) {
    EXPECT_EQ(ask_times(5, wrong(status, verdict)), 5u) << status;
  }
}

TEST_F(LoopGuardTest, TheVerdictsOfTheClientsOwnErrors) {
  for (const auto& [status, verdict] : std::vector<std::pair<int, Verdict>>{
           {422, Verdict::kClientError}, {400, Verdict::kContentPolicy}, {401, Verdict::kAuth}}) {
    target_ += "x";
    EXPECT_EQ(ask_times(5, wrong(status, verdict)), 3u) << status;
  }
}

// Who polls for a resource, or has just made it, must see it.
TEST_F(LoopGuardTest, AResourceThatIsNotThereMayAppear) {
  method_ = "GET";
  body_ = "";
  EXPECT_EQ(ask_times(5, wrong(404)), 5u);
  EXPECT_EQ(ask_times(5, wrong(410)), 5u);
  EXPECT_EQ(ask_times(5, wrong(400)), 3u);
  method_ = "POST";
  EXPECT_EQ(ask_times(5, wrong(404)), 3u);
}

TEST_F(LoopGuardTest, AnotherFailureInBetweenBreaksTheRow) {
  policies_.retry->max_attempts = 1;
  ask_times(2, wrong());
  ask(answers(500));
  EXPECT_EQ(ask_times(3, wrong()), 3u);
  EXPECT_EQ(ask(wrong()), 0u);
}

TEST_F(LoopGuardTest, ABodyThatIsStillComingIsComparedToo) {
  body_ = std::string(200'000, 'p');
  piece_ = 30'000;
  EXPECT_EQ(ask_times(5, wrong()), 3u);
  body_[199'999] = 'q';
  EXPECT_EQ(ask(ok()), 1u);
  EXPECT_EQ(seen_.at(0).body, body_) << "what was read ahead is sent";
}

TEST_F(LoopGuardTest, ABodyOnDiskIsNotGuarded) {
  body_ = std::string(3'000'000, 'p');
  piece_ = 100'000;
  EXPECT_EQ(ask_times(5, wrong()), 5u);
}

TEST_F(LoopGuardTest, ALongAnswerIsNotRemembered) {
  const std::string text(LoopGuard::kMostBody + 1, 'e');
  ScriptedAttempt line = wrong();
  line.body = text;
  EXPECT_EQ(ask_times(5, line), 5u);
  EXPECT_EQ(failures_.bytes(), 0u);
}

TEST_F(LoopGuardTest, InShadowItOnlySaysSo) {
  policies_.shadow = {config::Shadowed::kLoopGuard};
  EXPECT_EQ(ask_times(4, wrong()), 4u);
  ASSERT_EQ(exchange_->would_have.size(), 1u);
  EXPECT_EQ(exchange_->would_have[0].policy, config::Shadowed::kLoopGuard);
  EXPECT_EQ(exchange_->would_have[0].what, "answer");
}

TEST_F(LoopGuardTest, AnAnswerOfAFallbackSaysNothing) {
  for (int i = 0; i < 5; ++i) {
    outcome_.reset();
    exchange_.reset();
    filters_.clear();
    add(std::make_unique<LoopGuard>(failures_, intake_, policies_, "openai", shard_));
    end_with([](Exchange& exchange) -> Task<Result<http::Response>> {
      exchange.fallback = "other";
      Attempt& attempt = exchange.attempts.emplace_back();
      attempt.judged = true;
      attempt.verdict = Verdict::kClientError;
      attempt.status = 400;
      http::Response response;
      response.head.status = 400;
      response.body = http::Body(Slice::literal("x"));
      co_return response;
    });
    request_.head.method_text = "POST";
    exchange();
    start();
    settle();
    EXPECT_EQ(exchange_->attempts.size(), 1u);
    request_ = {};
  }
}

}  // namespace
}  // namespace outrigger::filters
