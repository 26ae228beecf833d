#include "filters/intake/intake.h"

#include <fcntl.h>

#include <filesystem>

#include "filters/retry/retry.h"
#include "proxy/runtime/event_loop.h"
#include "tests/unit/filters/inline_files.h"
#include "tests/unit/filters/scripted_attempts.h"

namespace outrigger::filters {
namespace {

constexpr std::size_t kMiB = 1024 * 1024;

// Bytes that are nowhere the same, so that none can stand for another.
std::string numbered(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; text.size() < size; ++i) text += std::to_string(i) + ",";
  text.resize(size);
  return text;
}

// A client that sends its body in pieces, each after `pace`.
class Upload final : public http::BodySource {
 public:
  Upload(Dispatcher& loop, std::string text, std::size_t piece, Duration pace, int& reads)
      : loop_(loop), text_(std::move(text)), piece_(piece), pace_(pace), reads_(reads) {}
  Task<Result<Slice>> read(CancelScope& scope) override {
    ++reads_;
    if (pace_ > Duration{0}) CO_TRY(co_await SleepFor(loop_, scope, pace_));
    const std::string part = text_.substr(at_, piece_);
    at_ += part.size();
    if (part.empty()) co_return Slice{};
    co_return Slice::copy(part);
  }
  [[nodiscard]] bool ready() const noexcept override { return pace_ == Duration{0}; }

 private:
  Dispatcher& loop_;
  std::string text_;
  std::size_t piece_;
  Duration pace_;
  int& reads_;
  std::size_t at_ = 0;
};

class IntakeTest : public ChainTest {
 protected:
  IntakeTest() {
    policies_.retry->backoff = {
        .base = 1s, .factor = 2, .max = 8s, .jitter = config::Jitter::kNone};
    policies_.replay = config::Replay::kSafe;
    request_.head.method = http::Method::kPost;
    request_.head.method_text = "POST";
  }
  ~IntakeTest() override {
    scope_.cancel({});
    loop_.advance(0s);
    outcome_.reset();
    exchange_.reset();
    loop_.advance(0s);
    EXPECT_EQ(memory_.memory(), 0u);
    EXPECT_EQ(memory_.disk(), 0u);
  }

  void upload(std::string text, std::size_t piece = 60'000, Duration pace = 0s) {
    request_.body = http::Body(
        std::make_unique<Upload>(loop_, std::move(text), piece, pace, client_reads_), std::nullopt);
  }
  void run(std::vector<ScriptedAttempt> script) {
    add(std::make_unique<Intake>(context_, policies_));
    if (policies_.retry) {
      add(std::make_unique<Retry>(retry_context_, policies_, "openai"));
    }
    add(std::make_unique<ScriptedAttempts>(std::move(script), seen_));
    exchange();
    start();
    settle();
  }
  // Work of the file thread takes turns of the loop, not time.
  void settle() {
    for (int i = 0; i < 500; ++i) loop_.advance(0s);
  }
  void advance(Duration time) {
    loop_.advance(time);
    settle();
  }
  [[nodiscard]] int status() const {
    return done() && outcome_->has_value() ? (*outcome_)->head.status : 0;
  }
  [[nodiscard]] std::string_view stop() const { return exchange_->attempts.back().stop; }

  ReplayMemory memory_;
  InlineFiles files_;
  IntakeContext context_{
      {memory_, files_, [] { return open_scratch(std::filesystem::temp_directory_path()); }},
      {1, 2}};
  MetricRegistry registry_;
  SharedBudgets budgets_;
  SharedCooldowns cooldowns_;
  Random random_{1};
  RetryContext retry_context_{budgets_, cooldowns_, random_, registry_.add_shard()};
  config::Policies policies_;
  int client_reads_ = 0;
  std::vector<SeenRequest> seen_;
};

TEST_F(IntakeTest, ABodyInOneBufferIsSentAgainAsItIs) {
  request_.body = http::Body(Slice::literal("whole"));
  run({answers(500), answers(500), ok()});
  advance(3s);
  EXPECT_EQ(status(), 200);
  for (const SeenRequest& seen : seen_) EXPECT_EQ(seen.body, "whole");
  EXPECT_EQ(exchange().replay, nullptr) << "it costs no buffer";
}

TEST_F(IntakeTest, AStreamedBodyOfUnknownLengthIsSentAgainByteForByte) {
  const std::string text = numbered(200'000);
  upload(text);
  run({answers(500), answers(500), ok()});
  advance(3s);
  EXPECT_EQ(status(), 200);
  ASSERT_EQ(seen_.size(), 3u);
  for (const SeenRequest& seen : seen_) EXPECT_EQ(seen.body, text);
  EXPECT_EQ(client_reads_, 5) << "the client is read once";
  EXPECT_EQ(files_.jobs, 0);
  EXPECT_EQ(memory_.memory(), 0u) << "given back with the last attempt";
}

TEST_F(IntakeTest, ABodyThatStopsOnePieceBeforeAnotherIsContinuedFromTheClient) {
  const std::string text = numbered(500'000);
  upload(text);
  ScriptedAttempt early = answers(503, Verdict::kOverloaded);
  early.reads = 150'000;
  ScriptedAttempt later = fails(Phase::kPartlyWritten);
  later.reads = 300'000;
  run({early, later, ok()});
  advance(3s);
  EXPECT_EQ(status(), 200);
  EXPECT_LT(seen_[0].body.size(), text.size()) << "an early answer";
  EXPECT_EQ(seen_[2].body, text);
}

TEST_F(IntakeTest, BeyondAMebibyteItGoesToDiskAndComesBack) {
  const std::string text = numbered(3 * kMiB + 17);
  upload(text);
  ScriptedAttempt part = answers(503, Verdict::kOverloaded);
  part.reads = 2 * kMiB;
  run({answers(500), part, ok()});
  EXPECT_LE(memory_.memory(), kMiB);
  EXPECT_GE(memory_.disk(), 2 * kMiB);
  advance(1s);
  advance(2s);
  EXPECT_EQ(status(), 200);
  ASSERT_EQ(seen_.size(), 3u);
  EXPECT_EQ(seen_[0].body, text);
  EXPECT_EQ(seen_[2].body, text);
  EXPECT_GT(files_.jobs, 0);
}

TEST_F(IntakeTest, TheCapOfTheRouteIsExact) {
  struct Row {
    std::size_t size;
    bool repeated;
  };
  constexpr Row kRows[] = {{99'999, true}, {100'000, true}, {100'001, false}};
  policies_.retry->buffer = 100'000;
  for (const Row& row : kRows) {
    outcome_.reset();
    exchange_.reset();
    seen_.clear();
    request_ = {};
    request_.head.method = http::Method::kPost;
    const std::string text = numbered(row.size);
    upload(text, 30'000);
    run({answers(500), ok()});
    advance(1s);
    EXPECT_EQ(seen_.front().body, text) << "passed on whatever its size";
    EXPECT_EQ(seen_.size(), row.repeated ? 2u : 1u) << row.size;
    EXPECT_EQ(status(), row.repeated ? 200 : 500);
    EXPECT_EQ(stop(), row.repeated ? "ok" : "not_replayable");
    if (!row.repeated) EXPECT_EQ(exchange().replay_lost, "body_over_buffer");
  }
}

TEST_F(IntakeTest, WhatWasNotTakenYetCanBeSentAgainWhateverItsSize) {
  policies_.retry->buffer = 10;
  const std::string text = numbered(1000);
  upload(text);
  ScriptedAttempt unconnected = fails(Phase::kNoConnection, Verdict::kRefusedUnsent);
  unconnected.reads = 0;
  run({unconnected, ok()});
  advance(1s);
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(seen_[1].body, text);
}

TEST_F(IntakeTest, MemoryThatIsUsedUpByOthersIsReplacedByDisk) {
  memory_.force_memory(256 * kMiB - 100'000);
  const std::string text = numbered(300'000);
  upload(text);
  run({answers(500), ok()});
  advance(1s);
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(seen_[1].body, text);
  EXPECT_GT(files_.jobs, 0);
  memory_.give_memory(256 * kMiB - 100'000);
}

TEST_F(IntakeTest, WithBothUsedUpTheBodyPassesAndIsNotRepeated) {
  memory_.force_memory(256 * kMiB);
  ASSERT_TRUE(memory_.take_disk(std::uint64_t{2} << 30));
  const std::string text = numbered(300'000);
  upload(text);
  run({answers(500), ok()});
  EXPECT_EQ(status(), 500);
  EXPECT_EQ(seen_[0].body, text);
  EXPECT_EQ(stop(), "not_replayable");
  EXPECT_EQ(exchange().replay_lost, "replay_memory_full");
  memory_.give_memory(256 * kMiB);
  memory_.give_disk(std::uint64_t{2} << 30);
}

TEST_F(IntakeTest, AFullDiskIsNoReasonToRefuse) {
  context_.replay.open = []() -> Result<Fd> { return Fd(::open("/dev/full", O_RDWR | O_CLOEXEC)); };
  const std::string text = numbered(2 * kMiB);
  upload(text);
  run({answers(500), ok()});
  EXPECT_EQ(status(), 500);
  EXPECT_EQ(seen_[0].body, text);
  EXPECT_EQ(stop(), "not_replayable");
  EXPECT_EQ(exchange().replay_lost, "replay_storage");
  EXPECT_EQ(memory_.disk(), 0u);
}

TEST_F(IntakeTest, WithLittleLeftALongBodyIsSentOnceAndTheReasonIsKept) {
  Pressure pressure;
  context_.pressure = &pressure;
  pressure.set(Resource::kMemory, Level::kSoft);
  const std::string text = numbered(kMiB);
  upload(text);
  run({answers(500), ok()});
  EXPECT_EQ(status(), 500);
  EXPECT_EQ(seen_[0].body, text);
  EXPECT_EQ(stop(), "not_replayable");
  EXPECT_EQ(exchange().replay_lost, "overload");
}

TEST_F(IntakeTest, WithLittleLeftAShortBodyIsKeptAllTheSame) {
  Pressure pressure;
  context_.pressure = &pressure;
  pressure.set(Resource::kDescriptors, Level::kSoft);
  const std::string text = numbered(60'000);
  upload(text, 20'000);
  run({answers(500), ok()});
  advance(1s);
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(seen_[1].body, text);
}

TEST_F(IntakeTest, OtherLimitsHoldFromNowOn) {
  ReplayMemory memory({.memory = 100, .disk = 0});
  EXPECT_TRUE(memory.take_memory(80));
  EXPECT_FALSE(memory.take_memory(30));
  memory.set({.memory = 50, .disk = 10});
  EXPECT_FALSE(memory.take_memory(1));
  EXPECT_TRUE(memory.take_disk(10));
  memory.give_memory(80);
  EXPECT_TRUE(memory.take_memory(50));
}

TEST_F(IntakeTest, NorIsAFolderThatIsNotThere) {
  context_.replay.open = [] { return open_scratch("/nonexistent/folder"); };
  const std::string text = numbered(2 * kMiB);
  upload(text);
  run({ok()});
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(seen_[0].body, text);
}

TEST_F(IntakeTest, AnAttemptThatDiesWhileTheDiskIsWrittenLosesNoByte) {
  const std::string text = numbered(2 * kMiB);
  upload(text, 60'000, 1ms);
  ScriptedAttempt first = answers(500);
  std::vector<ScriptedAttempt> script{first, ok()};
  add(std::make_unique<Intake>(context_, policies_));
  // Reads until the disk is at work, then lets go of the read in its middle.
  end_with([&](Exchange& it) -> Task<Result<http::Response>> {
    CancelScope attempt(*it.scope);
    DeadlineTimer timer(loop_, attempt);
    timer.start(20ms, {Errc::kTimeout, Origin::kUpstream, "http_response_timeout"});
    for (;;) {
      Result<Slice> bytes = co_await it.request.body.read(attempt);
      if (!bytes) break;
    }
    EXPECT_GT(memory_.disk(), 0u);
    EXPECT_TRUE(it.replay->can_rewind());
    it.replay->rewind();
    std::string again;
    for (;;) {
      CO_TRY(const Slice bytes, co_await it.request.body.read(*it.scope));
      if (bytes.empty()) break;
      again += bytes.view();
    }
    EXPECT_TRUE(again == text);
    co_return http::Response{};
  });
  exchange();
  start();
  for (int i = 0; i < 200; ++i) advance(1ms);
  EXPECT_TRUE(done());
}

TEST_F(IntakeTest, AClientThatLeavesDuringTheSpillLeavesNothing) {
  upload(numbered(3 * kMiB), 60'000, 1ms);
  run({ok()});
  loop_.advance(25ms);
  EXPECT_FALSE(done());
  scope_.cancel({Errc::kCancelled, Origin::kClient, "client_gone"});
  loop_.advance(0s);
  ASSERT_TRUE(done());
  EXPECT_EQ(outcome_->error().reason, "client_gone");
}

TEST_F(IntakeTest, WithoutRetriesNothingIsKept) {
  policies_.retry.reset();
  upload(numbered(100'000));
  run({ok()});
  EXPECT_EQ(exchange().replay, nullptr);
  EXPECT_EQ(status(), 200);
}

// ---- facts ----

TEST_F(IntakeTest, TheModelIsReadOnlyWhereAPolicyNeedsIt) {
  request_.head.headers.add("Content-Type", "application/json");
  request_.body = http::Body(Slice::literal(R"({"model":"gpt-5"})"));
  run({ok()});
  EXPECT_EQ(exchange().model, "");
}

TEST_F(IntakeTest, TheModelOfABufferIsRead) {
  policies_.circuit_breaker->key = {config::BreakerKey::kModel};
  request_.head.headers.add("Content-Type", "application/json; charset=utf-8");
  request_.head.headers.add("Authorization", "Bearer t");
  request_.body = http::Body(Slice::literal(R"({"model":"gpt-5"})"));
  run({ok()});
  EXPECT_EQ(exchange().model, "gpt-5");
  EXPECT_EQ(exchange().credential, siphash({1, 2}, "Bearer t"));
  EXPECT_EQ(seen_[0].body, R"({"model":"gpt-5"})");
}

TEST_F(IntakeTest, TheModelOfAPathNeedsNoBody) {
  policies_.circuit_breaker->key = {config::BreakerKey::kModel};
  request_.head.target = "/v1beta/models/gemini-2.5-pro:generateContent";
  request_.head.headers.add("Content-Type", "application/json");
  upload("{}");
  run({ok()});
  EXPECT_EQ(exchange().model, "gemini-2.5-pro");
}

TEST_F(IntakeTest, AStreamedBodyIsReadAheadOnlyAsFarAsTheModel) {
  policies_.circuit_breaker->key = {config::BreakerKey::kModel};
  request_.head.headers.add("Content-Type", "application/json");
  const std::string text = R"({"stream":true,"model":"gpt-5","text":")" + numbered(300'000) + "\"}";
  upload(text, 500, 0s);
  ScriptedAttempt unread = fails(Phase::kNoConnection, Verdict::kRefusedUnsent);
  unread.reads = 0;
  run({unread, ok()});
  EXPECT_EQ(exchange().model, "gpt-5");
  EXPECT_LE(client_reads_, 3);
  advance(1s);
  EXPECT_EQ(seen_[1].body, text);
}

TEST_F(IntakeTest, AModelFarBackIsFoundAndOneTooFarIsNot) {
  policies_.circuit_breaker->key = {config::BreakerKey::kModel};
  policies_.retry->buffer = 1000;  // what is read ahead is kept all the same
  for (const auto& [before, model] : {std::pair{60'000, "m"}, {70'000, ""}}) {
    outcome_.reset();
    exchange_.reset();
    seen_.clear();
    request_ = {};
    request_.head.method = http::Method::kPost;
    request_.head.headers.add("Content-Type", "application/json");
    const std::string text =
        "{\"a\":\"" + numbered(static_cast<std::size_t>(before)) + "\",\"model\":\"m\"}";
    upload(text, 7000);
    run({ok()});
    EXPECT_EQ(exchange().model, model);
    EXPECT_EQ(seen_[0].body, text);
  }
}

TEST_F(IntakeTest, AClientThatLeavesBeforeItsModelIsKnownIsGone) {
  policies_.circuit_breaker->key = {config::BreakerKey::kModel};
  request_.head.headers.add("Content-Type", "application/json");
  upload("{\"a\":", 1, 1s);
  run({ok()});
  loop_.advance(2s);
  scope_.cancel({Errc::kCancelled, Origin::kClient, "client_gone"});
  ASSERT_TRUE(done());
  EXPECT_EQ(outcome_->error().reason, "client_gone");
  EXPECT_TRUE(seen_.empty());
}

// Any sizes of pieces, any place where attempts stop: the last one reads every byte.
TEST_F(IntakeTest, WhereverAttemptsStopTheLastOneReadsEveryByte) {
  policies_.retry->max_attempts = 6;
  policies_.retry->budget.reset();
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    Random random(seed);
    outcome_.reset();
    exchange_.reset();
    seen_.clear();
    request_ = {};
    const std::string text = numbered(1 + random.below(2 * kMiB + kMiB / 2));
    upload(text, 1 + random.below(200'000));
    std::vector<ScriptedAttempt> script;
    for (std::uint64_t n = random.below(5); n > 0; --n) {
      script.push_back(fails(Phase::kPartlyWritten));
      script.back().reads = random.below(text.size() + 1);
    }
    script.push_back(ok());
    run(script);
    for (int i = 0; i < 6; ++i) advance(10s);
    EXPECT_EQ(status(), 200) << "seed " << seed;
    EXPECT_TRUE(seen_.back().body == text) << "seed " << seed;
    EXPECT_EQ(memory_.memory() + memory_.disk(), 0u) << "seed " << seed;
  }
}

TEST(ReplayBody, IsKeptByARealFileThread) {
  EventLoop loop;
  ReplayMemory memory;
  FileThread files;
  const ReplayContext context{memory, files,
                              [] { return open_scratch(std::filesystem::temp_directory_path()); }};
  const std::string text = numbered(3 * kMiB);
  int reads = 0;
  bool done = false;
  {
    CancelScope scope;
    auto upload = std::make_unique<Upload>(loop, text, 100'000, 0s, reads);
    ReplayBody body(loop, context, std::move(upload), 64 * kMiB);
    TaskGroup tasks(loop);
    tasks.spawn(
        [](ReplayBody& it, CancelScope& in, const std::string& all, bool& ended) -> Task<void> {
          for (int pass = 0; pass < 3; ++pass) {
            std::string got;
            for (;;) {
              Result<Slice> bytes = co_await it.read(in);
              if (!bytes || bytes->empty()) break;
              got += bytes->view();
            }
            EXPECT_TRUE(got == all) << "pass " << pass;
            EXPECT_TRUE(it.can_rewind());
            it.rewind();
          }
          ended = true;
        }(body, scope, text, done));
    while (!done) loop.run_once();
    EXPECT_GT(memory.disk(), 0u);
  }
  EXPECT_EQ(memory.memory() + memory.disk(), 0u);
  files.stop();
}

// Who counts requests below, as a breaker does its probes, does not count the client's time.
TEST_F(IntakeTest, AHedgedRequestGoesOnWhenItsBodyIsThere) {
  policies_.hedge.emplace();
  upload(numbered(1'000), 500, 1s);
  run({{.status = 200}});
  EXPECT_TRUE(seen_.empty());
  advance(2s);
  EXPECT_TRUE(seen_.empty());
  advance(1s);
  EXPECT_EQ(seen_.size(), 1u);
}

TEST_F(IntakeTest, AWriteThatIsNotHedgedGoesOnAtOnce) {
  policies_.hedge.emplace();
  policies_.replay = config::Replay::kNever;
  upload(numbered(1'000), 500, 1s);
  run({{.status = 200}});
  EXPECT_EQ(seen_.size(), 1u);
}

}  // namespace
}  // namespace outrigger::filters
