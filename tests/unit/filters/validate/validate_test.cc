// The filter in simulated time, around scripted attempts.
#include "filters/validate/validate.h"

#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "filters/intake/replay_body.h"
#include "filters/intake/rewinder.h"
#include "filters/retry/retry.h"
#include "tests/unit/filters/inline_files.h"
#include "tests/unit/filters/scripted_attempts.h"

namespace outrigger::filters {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kRequest =
    R"({"model":"m","messages":[{"role":"user","content":"hi"}],"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","required":["n"]}}}})";

std::string chat(std::string_view content, int tokens = 7) {
  return fmt::format(
      R"({{"id":"x","choices":[{{"index":0,"message":{{"role":"assistant","content":{}}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":5,"completion_tokens":{},"total_tokens":12}}}})",
      Json(content).dump(), tokens);
}
std::string stream_of_chat(std::string_view content) {
  const Json chunk = {
      {"id", "x"},
      {"choices", {{{"index", 0}, {"delta", {{"content", content}}}, {"finish_reason", "stop"}}}}};
  return "data: " + chunk.dump() + "\n\ndata: [DONE]\n\n";
}

class ValidateTest : public ChainTest {
 protected:
  ValidateTest() {
    policies_.validate.emplace();
    policies_.dialect = config::Dialect::kOpenai;
    upstream_.name = "openai";
    ask(kRequest);
  }
  void ask(std::string_view body) {
    request_.head.method = http::Method::kPost;
    request_.head.method_text = "POST";
    request_.head.target = "/v1/chat/completions";
    request_.body = http::Body(Slice::copy(body));
  }
  config::Repair& repair() { return *policies_.validate->repair; }

  // The answers of one attempt after the other; the last one repeats.
  void answer(const std::vector<std::string>& bodies, std::string_view type = "application/json") {
    for (const std::string& body : bodies) kept_.push_back(std::make_unique<std::string>(body));
    std::vector<ScriptedAttempt> script;
    for (const auto& body : kept_) {
      ScriptedAttempt attempt;
      attempt.body = *body;
      attempt.headers = {{"content-type", type}};
      attempt.takes = takes_;
      script.push_back(attempt);
    }
    run(std::move(script));
  }
  void run(std::vector<ScriptedAttempt> script) {
    add(std::make_unique<Validate>(schemas_, policies_, shard_, "openai"));
    add(std::make_unique<ScriptedAttempts>(std::move(script), seen_));
    exchange().started = loop_.now();
    exchange().routed.policies = &policies_;
    start();
    loop_.advance(0s);
  }
  std::string delivered() {
    EXPECT_TRUE(done() && outcome_->has_value());
    if (!done() || !outcome_->has_value()) return {};
    read_body();
    loop_.advance(0s);
    return body_;
  }
  [[nodiscard]] std::string failure() const {
    if (!done() || outcome_->has_value()) return "none";
    return std::string(std::string_view(outcome_->error().detail));
  }
  [[nodiscard]] std::string_view repaired() { return exchange().repair; }
  [[nodiscard]] std::uint64_t counted(std::string_view result) const {
    return registry_.total(Metric::kValidations, {"openai", result});
  }

  MetricRegistry registry_;
  MetricShard& shard_ = registry_.add_shard();
  SchemaCache schemas_;
  config::Policies policies_;
  config::Upstream upstream_;
  std::vector<std::unique_ptr<std::string>> kept_;
  std::vector<SeenRequest> seen_;
  Duration takes_{0};
};

TEST_F(ValidateTest, PassesAGoodAnswerByteForByte) {
  answer({chat(R"({"n": 1})")});
  EXPECT_EQ(delivered(), chat(R"({"n": 1})"));
  EXPECT_EQ(seen_.size(), 1u);
  EXPECT_EQ(repaired(), "");
  EXPECT_EQ(counted("ok"), 1u);
}

TEST_F(ValidateTest, MendsWithoutAModelFirst) {
  answer({chat("```json\n{\"n\": 1}\n```")});
  EXPECT_EQ(delivered(), chat(R"({"n":1})"));
  EXPECT_EQ(seen_.size(), 1u);
  EXPECT_EQ(repaired(), "deterministic");
  EXPECT_EQ(counted("repaired"), 1u);
}

TEST_F(ValidateTest, AsksAgainAndSumsTheUsage) {
  answer({chat(R"({"m": 1})"), chat(R"({"n": 1})")});
  const Json body = Json::parse(delivered());
  EXPECT_EQ(body["choices"][0]["message"]["content"], R"({"n": 1})");
  EXPECT_EQ(body["usage"],
            Json::parse(R"({"prompt_tokens":10,"completion_tokens":14,"total_tokens":24})"));
  EXPECT_EQ(repaired(), "reprompt");
  EXPECT_EQ(exchange().repair_prompts, 1u);
  EXPECT_EQ(counted("reprompted"), 1u);
  ASSERT_EQ(seen_.size(), 2u);
  EXPECT_EQ(seen_[0].body, kRequest);
  const Json again = Json::parse(seen_[1].body);
  ASSERT_EQ(again["messages"].size(), 3u);
  EXPECT_EQ(again["messages"][1]["content"], R"({"m": 1})");
}

TEST_F(ValidateTest, TheTimeOfRepairsIsAlsoThatOfReadingWhatTheyAnswer) {
  repair().time = 5s;
  int answers = 0;
  add(std::make_unique<Validate>(schemas_, policies_, shard_, "openai"));
  end_with([&](Exchange&) -> Task<Result<http::Response>> {
    http::Response response;
    response.head.status = 200;
    response.head.headers.add("content-type", "application/json");
    response.body = http::Body(Slice::copy(chat("{}")));
    const std::vector<Duration> stalled{1h};
    if (++answers == 2) response.body = {std::make_unique<PacedBody>(loop_, stalled), std::nullopt};
    co_return response;
  });
  start();
  loop_.advance(4999ms);
  EXPECT_FALSE(done());
  loop_.advance(1ms);
  ASSERT_TRUE(done());
  EXPECT_TRUE(failure().ends_with("(the repair failed)")) << failure();
}

TEST_F(ValidateTest, ReplacesTheRepairTurnInsteadOfGrowing) {
  answer({chat(R"({"a": 1})"), chat(R"({"b": 1})"), chat(R"({"n": 1})")});
  EXPECT_NE(delivered(), "");
  ASSERT_EQ(seen_.size(), 3u);
  const Json again = Json::parse(seen_[2].body);
  ASSERT_EQ(again["messages"].size(), 3u);
  EXPECT_EQ(again["messages"][1]["content"], R"({"b": 1})");
}

TEST_F(ValidateTest, EndsAtTheNumberOfPrompts) {
  answer({chat(R"({"a": 1})"), chat(R"({"b": 1})"), chat(R"({"c": 1})")});
  EXPECT_EQ(seen_.size(), 3u);
  ASSERT_FALSE(outcome_->has_value());
  EXPECT_EQ(outcome_->error().reason, "invalid_response");
  EXPECT_TRUE(failure().contains("Missing required property 'n'")) << failure();
  EXPECT_TRUE(failure().contains("repair.prompts")) << failure();
  EXPECT_EQ(counted("failed"), 1u);
  EXPECT_EQ(repaired(), "");
  EXPECT_EQ(exchange().attempts.back().verdict, Verdict::kOk);  // the upstream is well
}

TEST_F(ValidateTest, EndsWhenTheSameAnswerComesTwice) {
  repair().prompts = 10;
  answer({chat(R"({"a": 1})")});
  EXPECT_EQ(seen_.size(), 2u);
  EXPECT_TRUE(failure().contains("same answer")) << failure();
}

TEST_F(ValidateTest, EndsAtTheNumberOfTokens) {
  repair().prompts = 10;
  repair().max_tokens = 400;
  answer({chat(R"({"a": 1})", 150), chat(R"({"b": 1})", 150), chat(R"({"c": 1})", 150)});
  EXPECT_EQ(seen_.size(), 2u);
  EXPECT_TRUE(failure().contains("repair.max_tokens")) << failure();
}

TEST_F(ValidateTest, EndsAtItsTime) {
  repair().time = 5s;
  takes_ = 4s;
  answer({chat(R"({"a": 1})"), chat(R"({"b": 1})"), chat(R"({"n": 1})")});
  loop_.advance(4s);  // the first one is here: now the time of repairs begins
  loop_.advance(4s);
  EXPECT_EQ(seen_.size(), 3u);
  loop_.advance(1s);
  ASSERT_TRUE(done());
  EXPECT_TRUE(failure().contains("Missing required property")) << failure();
  EXPECT_EQ(exchange().attempts.back().verdict, Verdict::kCancelled);
}

TEST_F(ValidateTest, AsksNobodyWithoutRepair) {
  policies_.validate->repair.reset();
  answer({chat("{'n': 1}")});
  EXPECT_EQ(seen_.size(), 1u);
  EXPECT_TRUE(failure().contains("not JSON")) << failure();
}

TEST_F(ValidateTest, TellsAtMost200BytesOfWhatIsWrong) {
  repair().prompts = 0;
  policies_.validate->schema = R"({"additionalProperties": false})";
  Json bad = {{"n", 1}};
  for (int i = 0; i < 50; ++i) bad["secret name " + std::to_string(i)] = 1;
  answer({chat(bad.dump())});
  EXPECT_LT(failure().size(), 320u) << failure();
}

TEST_F(ValidateTest, AsksAgainForAnAnswerWithoutContent) {
  ask(R"({"model":"m","messages":[{"role":"user","content":"hi"}]})");
  answer({chat(""), chat("hello")});
  EXPECT_TRUE(delivered().contains("hello"));
  EXPECT_EQ(seen_.size(), 2u);
}

TEST_F(ValidateTest, HoldsTheSchemaOfTheConfigurationAgainstEveryAnswer) {
  ask(R"({"model":"m","messages":[]})");
  policies_.validate->schema = R"({"type":"array"})";
  answer({chat("{}"), chat("[1]")});
  EXPECT_TRUE(delivered().contains("[1]"));
  EXPECT_EQ(seen_.size(), 2u);
}

TEST_F(ValidateTest, ChecksAnyBodyAndMendsItButAsksNobody) {
  policies_.validate->what = config::ValidateWhat::kBody;
  policies_.validate->schema = R"({"required":["id"]})";
  request_.head.target = "/orders";
  answer({R"({"id": 1,})"});
  EXPECT_EQ(delivered(), R"({"id":1})");
  EXPECT_EQ((*outcome_)->head.headers.get(http::HeaderId::kContentLength), "8");
}

TEST_F(ValidateTest, RefusesABodyThatDoesNotFit) {
  policies_.validate->what = config::ValidateWhat::kBody;
  policies_.validate->schema = R"({"required":["id"]})";
  request_.head.target = "/orders";
  answer({R"({"no": 1})"});
  EXPECT_EQ(seen_.size(), 1u);
  EXPECT_TRUE(failure().contains("'id'")) << failure();
}

TEST_F(ValidateTest, LeavesAloneWhatIsTooLargeAndCountsIt) {
  policies_.commit.max_answer = 100;
  const std::string large = chat(std::string(200, 'x'));
  answer({large});
  EXPECT_EQ(delivered(), large);
  EXPECT_EQ(counted("unchecked"), 1u);
}

TEST_F(ValidateTest, CountsWhatItCouldNotLookAt) {
  const std::string large = chat(R"({"m": ")" + std::string(2 << 20, 'x') + R"("})");
  answer({large});
  EXPECT_EQ(delivered(), large);
  EXPECT_EQ(counted("unchecked"), 1u);
}

TEST_F(ValidateTest, CountsASchemaThatItCannotUse) {
  std::string body(kRequest);
  body.replace(body.find(R"("type":"object")"), 15, R"("type":"strange")");
  ask(body);
  answer({chat(R"({"m": 1})")});
  EXPECT_EQ(delivered(), chat(R"({"m": 1})"));
  EXPECT_EQ(counted("unchecked"), 1u);
  EXPECT_EQ(schemas_.size(), 2u);
}

TEST_F(ValidateTest, LeavesErrorsAndOtherCallsAlone) {
  request_.head.target = "/v1/embeddings";
  answer({"{}"});
  EXPECT_EQ(delivered(), "{}");
  EXPECT_EQ(counted("ok"), 0u);
}

TEST_F(ValidateTest, ChecksAHeldStreamAndMakesItOneAgain) {
  policies_.commit.until = config::CommitUntil::kOnComplete;
  answer({stream_of_chat("{'n': 1}")}, "text/event-stream");
  const std::string body = delivered();
  EXPECT_TRUE(body.starts_with("data: {")) << body;
  EXPECT_TRUE(body.contains(R"("content":"{\"n\":1}")")) << body;
  EXPECT_TRUE(body.ends_with("data: [DONE]\n\n"));
  EXPECT_EQ(repaired(), "deterministic");
}

TEST_F(ValidateTest, PassesAGoodStreamByteForByte) {
  policies_.commit.until = config::CommitUntil::kOnComplete;
  answer({stream_of_chat(R"({"n": 1})")}, "text/event-stream");
  EXPECT_EQ(delivered(), stream_of_chat(R"({"n": 1})"));
  EXPECT_EQ(counted("ok"), 1u);
}

TEST_F(ValidateTest, AsksAgainForAStream) {
  policies_.commit.until = config::CommitUntil::kOnComplete;
  answer({stream_of_chat("{}"), stream_of_chat(R"({"n": 1})")}, "text/event-stream");
  EXPECT_TRUE(delivered().contains(R"({\"n\": 1})"));
  EXPECT_EQ(seen_.size(), 2u);
}

TEST_F(ValidateTest, LeavesStreamsAloneThatAreNotHeld) {
  answer({stream_of_chat("{}")}, "text/event-stream");
  EXPECT_EQ(delivered(), stream_of_chat("{}"));
  EXPECT_EQ(seen_.size(), 1u);
}

ScriptedAttempt refuses(std::string_view error) {
  ScriptedAttempt attempt = answers(400, Verdict::kClientError);
  attempt.headers = {{"content-type", "application/json"}};
  attempt.body = error;
  return attempt;
}
constexpr std::string_view kNoTemperature =
    R"({"error":{"code":"unsupported_parameter","param":"temperature","message":"no"}})";
constexpr std::string_view kWithTemperature =
    R"({"model":"m","temperature":0,"messages":[{"role":"user","content":"hi"}]})";

TEST_F(ValidateTest, TakesOutWhatTheProviderNamesOnce) {
  ask(kWithTemperature);
  kept_.push_back(std::make_unique<std::string>(chat("hello")));
  ScriptedAttempt good;
  good.headers = {{"content-type", "application/json"}};
  good.body = *kept_.back();
  run({refuses(kNoTemperature), good});
  EXPECT_EQ(delivered(), chat("hello"));
  EXPECT_EQ(seen_[1].body, R"({"model":"m","messages":[{"role":"user","content":"hi"}]})");
  EXPECT_EQ(repaired(), "reformulated; removed=/temperature");
  EXPECT_EQ(counted("repaired"), 1u);
}

TEST_F(ValidateTest, CountsWhatWasReformulatedForAStreamThatIsNotHeld) {
  ask(kWithTemperature);
  kept_.push_back(std::make_unique<std::string>(stream_of_chat("hello")));
  ScriptedAttempt good;
  good.headers = {{"content-type", "text/event-stream"}};
  good.body = *kept_.back();
  run({refuses(kNoTemperature), good});
  EXPECT_EQ(delivered(), stream_of_chat("hello"));
  EXPECT_EQ(repaired(), "reformulated; removed=/temperature");
  EXPECT_EQ(counted("repaired"), 1u);
}

TEST_F(ValidateTest, GivesBackTheSecondErrorWhenThatWasNotEnough) {
  ask(kWithTemperature);
  request_.head.headers.add("Idempotency-Key", "k");
  run({refuses(kNoTemperature)});
  ASSERT_EQ(seen_.size(), 2u);
  EXPECT_EQ(seen_[1].idempotency_key, "k-reformulated");
  EXPECT_EQ(exchange().request.head.headers.get(http::HeaderId::kIdempotencyKey), "k")
      << "who sends it elsewhere sends the client's";
  EXPECT_EQ(delivered(), kNoTemperature);
  EXPECT_EQ((*outcome_)->head.status, 400);
  EXPECT_EQ(repaired(), "");
}

TEST_F(ValidateTest, RepairsWhatWasReformulated) {
  ask(kWithTemperature);
  policies_.validate->schema = R"({"required":["n"]})";
  kept_.push_back(std::make_unique<std::string>(chat("{}")));
  kept_.push_back(std::make_unique<std::string>(chat(R"({"n":1})")));
  ScriptedAttempt bad, good;
  bad.headers = good.headers = {{"content-type", "application/json"}};
  bad.body = *kept_[0];
  good.body = *kept_[1];
  run({refuses(kNoTemperature), bad, good});
  EXPECT_NE(delivered(), "");
  EXPECT_EQ(repaired(), "reformulated; removed=/temperature, reprompt");
  EXPECT_FALSE(seen_[2].body.contains("temperature"));
}

TEST_F(ValidateTest, SaysInShadowWhatItWouldHaveDone) {
  policies_.shadow = {config::Shadowed::kValidate};
  answer({chat("{'n': 1}")});
  EXPECT_EQ(delivered(), chat("{'n': 1}"));
  EXPECT_EQ(seen_.size(), 1u);
  ASSERT_EQ(exchange().would_have.size(), 1u);
  EXPECT_EQ(exchange().would_have[0].what, "repair");
  EXPECT_EQ(repaired(), "");
}

TEST_F(ValidateTest, SaysInShadowThatItWouldHaveAskedAgain) {
  policies_.shadow = {config::Shadowed::kValidate};
  answer({chat("{}")});
  EXPECT_EQ(delivered(), chat("{}"));
  EXPECT_EQ(exchange().would_have.at(0).what, "reprompt");
}

TEST_F(ValidateTest, SaysInShadowThatItWouldHaveRefused) {
  policies_.shadow = {config::Shadowed::kValidate};
  policies_.validate->repair.reset();
  answer({chat("{}")});
  EXPECT_EQ(delivered(), chat("{}"));
  EXPECT_EQ(exchange().would_have.at(0).what, "refuse");
}

TEST_F(ValidateTest, RefusesWhatFollowsAFailedRepair) {
  kept_.push_back(std::make_unique<std::string>(chat("{}")));
  ScriptedAttempt bad;
  bad.headers = {{"content-type", "application/json"}};
  bad.body = *kept_.back();
  run({bad, answers(503, Verdict::kOverloaded)});
  EXPECT_EQ(seen_.size(), 2u);
  EXPECT_TRUE(failure().contains("the upstream refused the repair")) << failure();
}

// What a fallback does: the same request once more, after all repairs failed.
class OnceMore final : public Filter {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "once_more"; }
  Task<Result<http::Response>> handle(Exchange& exchange, Next next) override {
    Rewinder body(exchange);
    Result<http::Response> outcome = co_await next(exchange);
    if (outcome) co_return outcome;
    EXPECT_TRUE(body.possible());
    body.rewind();
    co_return co_await next(exchange);
  }
};

TEST_F(ValidateTest, PutsTheRequestBackForWhoeverStandsAround) {
  request_.head.headers.add("Content-Length", std::to_string(kRequest.size()));
  add(std::make_unique<OnceMore>());
  answer({chat(R"({"a": 1})"), chat(R"({"b": 1})"), chat(R"({"c": 1})"), chat(R"({"n": 1})")});
  EXPECT_EQ(delivered(), chat(R"({"n": 1})"));
  ASSERT_EQ(seen_.size(), 4u);
  EXPECT_EQ(seen_[3].body, kRequest);
  EXPECT_EQ(exchange().request.head.headers.get(http::HeaderId::kContentLength),
            std::to_string(kRequest.size()));
}

TEST_F(ValidateTest, GivesARepairItsOwnIdempotencyKey) {
  request_.head.headers.add("Idempotency-Key", "k");
  request_.head.headers.add("Content-Length", std::to_string(kRequest.size()));
  answer({chat("{}"), chat(R"({"n":1})")});
  EXPECT_NE(delivered(), "");
  EXPECT_EQ(seen_[0].idempotency_key, "k");
  EXPECT_EQ(seen_[1].idempotency_key, "k-repair1");
}

// A body of the client that comes in pieces and is kept by intake.
class Pieces final : public http::BodySource {
 public:
  explicit Pieces(std::string_view text) : text_(text) {}
  Task<Result<Slice>> read(CancelScope&) override {
    const std::string_view piece = text_.substr(0, 20);
    text_.remove_prefix(piece.size());
    co_return Slice::copy(piece);
  }
  [[nodiscard]] bool ready() const noexcept override { return true; }

 private:
  std::string_view text_;
};

TEST_F(ValidateTest, WorksWithABodyThatCameInPiecesAndRetries) {
  ReplayMemory memory;
  InlineFiles files;
  const ReplayContext context{memory, files, [] { return open_scratch("/tmp"); }};
  SharedBudgets budgets;
  SharedCooldowns cooldowns;
  Random random{1};
  const RetryContext retries{budgets, cooldowns, random, shard_};
  policies_.retry->backoff = {.base = 1s, .factor = 2, .max = 8s, .jitter = config::Jitter::kNone};
  policies_.replay = config::Replay::kSafe;
  auto body = std::make_unique<ReplayBody>(loop_, context, std::make_unique<Pieces>(kRequest),
                                           ReplayBody::kInMemory);
  ReplayBody* const replay = body.get();
  request_.body = http::Body(std::move(body), std::nullopt);
  for (const std::string& text : {chat(R"({"a": 1})"), chat(R"({"n": 1})")}) {
    kept_.push_back(std::make_unique<std::string>(text));
  }
  ScriptedAttempt bad, good;
  bad.headers = good.headers = {{"content-type", "application/json"}};
  bad.body = *kept_[0];
  good.body = *kept_[1];
  add(std::make_unique<Validate>(schemas_, policies_, shard_, "openai"));
  add(std::make_unique<Retry>(retries, policies_, "openai"));
  add(std::make_unique<ScriptedAttempts>(std::vector{answers(503), bad, answers(503), good},
                                         seen_));
  exchange().replay = replay;
  exchange().routed.policies = &policies_;
  exchange().routed.upstream = &upstream_;
  start();
  loop_.advance(10s);
  ASSERT_EQ(seen_.size(), 4u);
  EXPECT_EQ(seen_[1].body, kRequest);
  EXPECT_EQ(seen_[2].body, seen_[3].body);
  EXPECT_EQ(Json::parse(seen_[3].body)["messages"].size(), 3u);
  EXPECT_NE(delivered(), "");
  exchange_.reset();  // before what it was read into
}

}  // namespace
}  // namespace outrigger::filters
