// Whose key goes on which try: the credentials filter around retry, in simulated time.
#include "filters/credentials/credentials.h"

#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "filters/credentials/client_credentials.h"
#include "filters/credentials/export_keys.h"
#include "tests/unit/filters/retry_fixture.h"

namespace outrigger::filters {
namespace {

constexpr SipKey kSip{1, 2};
const std::vector<std::string> kKeys = {"sk-aaaaaaaaaaaaaaaaAAAA", "sk-bbbbbbbbbbbbbbbbBBBB",
                                        "sk-cccccccccccccccccCCC"};

// Notes the credentials of each call of the chain.
class Spy final : public Filter {
 public:
  explicit Spy(std::vector<std::map<std::string, std::string>>& calls) : calls_(calls) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "spy"; }
  Task<Result<http::Response>> handle(Exchange& exchange, Next next) override {
    std::map<std::string, std::string>& seen = calls_.emplace_back();
    for (const http::Field& field : exchange.request.head.headers) {
      seen[std::string(field.name)] += field.value;
    }
    seen[":target"] = exchange.request.head.target;
    return next(exchange);
  }

 private:
  std::vector<std::map<std::string, std::string>>& calls_;
};

class CredentialsTest : public RetryTest {
 protected:
  CredentialsTest() {
    policies_.circuit_breaker.reset();
    policies_.credentials.emplace();
    use_keys(2);
    keys_.listen([this](const KeyChange& change) {
      told_.push_back(fmt::format("{} {}/{} {} {}", change.upstream, change.position, change.of,
                                  change.tail, change.why ? to_string(*change.why) : "back"));
    });
  }
  void use_keys(std::size_t count) {
    policies_.credentials->keys.clear();
    for (std::size_t i = 0; i < count; ++i) policies_.credentials->keys.emplace_back(kKeys[i]);
  }
  void ask(std::vector<ScriptedAttempt> script) {
    outcome_.reset();
    exchange_.reset();
    filters_.clear();
    seen_.clear();
    calls_.clear();
    if (request_.head.method_text.empty()) {
      request_.head.method = http::Method::kPost;
      request_.head.method_text = "POST";
      request_.head.target = "/v1/chat/completions";
      request_.body = http::Body(Slice::literal("{}"));
    }
    upstream_.policies = policies_;
    const CredentialsContext context{keys_, cooldowns_, breakers_, kSip};
    auto filter = std::make_unique<Credentials>(context, upstream_, nullptr, loop_.now());
    add(std::move(filter));
    if (policies_.retry) add(std::make_unique<Retry>(context_, upstream_.policies, "openai"));
    add(std::make_unique<Spy>(calls_));
    add(std::make_unique<ScriptedAttempts>(std::move(script), seen_));
    Exchange& it = exchange();
    it.started = loop_.now();
    it.routed.upstream = &upstream_;
    it.routed.policies = &upstream_.policies;
    it.credential = client_credential_;
    start();
    loop_.advance(0s);
    request_ = {};
  }
  // The last letters of the keys of the calls so far: "A B A".
  [[nodiscard]] std::string keys() const {
    std::string out;
    for (const auto& call : calls_) {
      const auto at = call.find("authorization");
      if (!out.empty()) out += " ";
      out += at == call.end() ? "-" : at->second.substr(at->second.size() - 1);
    }
    return out;
  }

  static ScriptedAttempt poor(std::optional<Duration> hint = {}) {
    ScriptedAttempt attempt = answers(429, Verdict::kQuotaExhausted);
    attempt.hint = hint;
    attempt.scope = config::Scope::kCredential;
    return attempt;
  }

  SharedKeys keys_;
  SharedBreakers breakers_{{.listener = {}}};
  std::vector<std::map<std::string, std::string>> calls_;
  std::vector<std::string> told_;
  std::uint64_t client_credential_ = 0;
};

TEST_F(CredentialsTest, TakeTheClientsPlaceAndGiveItBack) {
  policies_.credentials->header = "x-api-key";
  policies_.credentials->scheme = "";
  request_.head.method = http::Method::kGet;
  request_.head.method_text = "GET";
  request_.head.target = "/v1/models?key=own";
  for (const std::string_view name : {"Authorization", "x-api-key", "Api-Key", "x-goog-api-key"}) {
    request_.head.headers.add(name, "client");
  }
  request_.head.headers.add("accept", "*/*");
  client_credential_ = 7;
  ask({ok()});
  ASSERT_EQ(calls_.size(), 1u);
  EXPECT_EQ(calls_[0],
            (std::map<std::string, std::string>{
                {"accept", "*/*"}, {"x-api-key", kKeys[0]}, {":target", "/v1/models?key=own"}}));
  const http::Headers& after = exchange_->request.head.headers;
  EXPECT_EQ(after.get(http::HeaderId::kXApiKey), "client");
  EXPECT_EQ(after.get(http::HeaderId::kAuthorization), "client");
  EXPECT_EQ(after.size(), 5u);
  EXPECT_EQ(exchange_->credential, 7u);
  EXPECT_EQ(exchange_->keys, nullptr);
}

TEST_F(CredentialsTest, TakeGeminisKeyOutOfTheQuery) {
  policies_.credentials->header = "x-goog-api-key";
  policies_.credentials->scheme = "";
  request_.head.method = http::Method::kPost;
  request_.head.method_text = "POST";
  request_.head.target = "/v1beta/models/m:generateContent?alt=sse&key=own";
  ask({ok()});
  EXPECT_EQ(calls_.at(0).at(":target"), "/v1beta/models/m:generateContent?alt=sse");
  EXPECT_EQ(calls_.at(0).at("x-goog-api-key"), kKeys[0]);
  EXPECT_TRUE(exchange_->request.head.target.ends_with("key=own"));
}

TEST_F(CredentialsTest, AParameterGoesWhereverItStands) {
  for (const auto& [before, after] :
       std::vector<std::pair<std::string, std::string>>{{"/p", "/p"},
                                                        {"/p?", "/p"},
                                                        {"/p?key=1", "/p"},
                                                        {"/p?key", "/p"},
                                                        {"/p?key=1&a=2", "/p?a=2"},
                                                        {"/p?a=2&key=1&key=3&b", "/p?a=2&b"},
                                                        {"/p?keys=1&akey=2", "/p?keys=1&akey=2"},
                                                        {"/p?%6bey=1&k%65%79=2&a=%6b", "/p?a=%6b"},
                                                        {"/p?%256bey=1", "/p?%256bey=1"}}) {
    EXPECT_EQ(without_parameter(before, "key"), after);
  }
}

TEST_F(CredentialsTest, AClientMayKeepItsOwn) {
  policies_.credentials->keep_client = true;
  request_.head.method = http::Method::kGet;
  request_.head.method_text = "GET";
  request_.head.headers.add("authorization", "Bearer clients");
  client_credential_ = 7;
  ask({ok()});
  EXPECT_EQ(calls_.at(0).at("authorization"), "Bearer clients");
  client_credential_ = 0;
  ask({ok()});
  EXPECT_EQ(keys(), "A") << "who brings none gets ours";
}

TEST_F(CredentialsTest, GoRound) {
  use_keys(3);
  std::string all;
  for (int i = 0; i < 4; ++i) {
    ask({ok()});
    all += keys();
  }
  EXPECT_EQ(all, "ABCA");
}

TEST_F(CredentialsTest, AThrottledKeyIsFollowedByAnotherAtOnceWhateverTheHint) {
  ask({throttles(50s), ok()});
  EXPECT_EQ(keys(), "A B");
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(seen_[1].when, seen_[0].when);
  ask({ok()});
  ask({ok()});
  EXPECT_EQ(keys(), "B") << "its cooldown keeps other requests away";
  loop_.advance(51s);
  ask({ok()});
  EXPECT_EQ(keys(), "A") << "and comes back when it is over";
}

TEST_F(CredentialsTest, AWordThatItIsUselessIsOfTheOtherKey) {
  ScriptedAttempt line = answers(429, Verdict::kThrottled);
  line.headers = {{"x-should-retry", "false"}};
  ask({line, ok()});
  EXPECT_EQ(keys(), "A B");
  EXPECT_EQ(status(), 200);
}

TEST_F(CredentialsTest, EveryTryCountsForMaxAttempts) {
  use_keys(3);
  policies_.retry->max_attempts = 2;
  ask({throttles(50s)});
  EXPECT_EQ(keys(), "A B");
  EXPECT_EQ(status(), 429);
  EXPECT_EQ(stop(), "max_attempts");
}

TEST_F(CredentialsTest, EveryTryIsPaidFor) {
  policies_.retry->budget = config::RetryBudget{.ratio = 0, .floor = 0};
  ask({throttles(50s)});
  EXPECT_EQ(keys(), "A");
  EXPECT_EQ(stop(), "budget");
}

TEST_F(CredentialsTest, WhenAllAreThrottledTheFirstThatComesBackIsWaitedFor) {
  ask({throttles(30s), throttles(4s), ok()});
  EXPECT_EQ(keys(), "A B");
  loop_.advance(4s);
  EXPECT_EQ(keys(), "A B B");
  EXPECT_EQ(status(), 200);
}

TEST_F(CredentialsTest, WithoutAHintTheNextKeyIsOneThatDidNotFail) {
  use_keys(3);
  policies_.retry->max_attempts = 4;
  ask({answers(429, Verdict::kThrottled), answers(429, Verdict::kThrottled),
       answers(429, Verdict::kThrottled), ok()});
  EXPECT_EQ(keys(), "A B C");
  loop_.advance(10s);
  EXPECT_EQ(status(), 200);
}

TEST_F(CredentialsTest, ARefusedKeyIsSetAsideForAllAndToldOnce) {
  ask({answers(401, Verdict::kAuth), ok()});
  EXPECT_EQ(keys(), "A B");
  EXPECT_EQ(status(), 200);
  EXPECT_EQ(told_, std::vector<std::string>{"openai 1/2 AAAA auth"});
  for (int i = 0; i < 3; ++i) {
    ask({ok()});
    EXPECT_EQ(keys(), "B");
  }
  EXPECT_EQ(told_.size(), 1u);
}

TEST_F(CredentialsTest, ARefusedKeyIsTriedAgainByOneRequestInAWhile) {
  ask({answers(401, Verdict::kAuth), ok()});
  loop_.advance(5min);
  ask({answers(401, Verdict::kAuth), ok()});
  EXPECT_EQ(keys(), "A B");
  EXPECT_EQ(status(), 200) << "who finds out loses nothing";
  ask({ok()});
  EXPECT_EQ(keys(), "B");
  loop_.advance(5min);
  ask({ok()});
  EXPECT_EQ(keys(), "A");
  EXPECT_EQ(told_.back(), "openai 1/2  back");
}

// Else an agent that asks for what is forbidden would take the keys from all others.
TEST_F(CredentialsTest, AForbiddenRequestSpeaksAgainstNoKeyUnlessAnotherMay) {
  ask({answers(403, Verdict::kAuth)});
  EXPECT_EQ(keys(), "A B");
  EXPECT_EQ(status(), 403);
  EXPECT_TRUE(told_.empty());
  ask({answers(403, Verdict::kAuth), ok()});
  EXPECT_EQ(told_.size(), 1u);
}

TEST_F(CredentialsTest, AKeyOutOfMoneyIsSetAsideUntilItsTime) {
  ask({poor(1h), ok()});
  EXPECT_EQ(keys(), "A B");
  EXPECT_EQ(told_, std::vector<std::string>{"openai 1/2 AAAA quota_exhausted"});
  ask({ok()});
  EXPECT_EQ(keys(), "B");
}

TEST_F(CredentialsTest, AWriteIsRepeatedOnAnotherKeyBecauseNothingWasDone) {
  policies_.replay = config::Replay::kUnsent;
  ask({answers(401, Verdict::kAuth), ok()});
  EXPECT_EQ(keys(), "A B");
  policies_.replay = config::Replay::kNever;
  ask({throttles(1s)});
  EXPECT_EQ(calls_.size(), 1u);
}

TEST_F(CredentialsTest, WithAllSetAsideNothingIsSent) {
  ask({answers(401, Verdict::kAuth), poor(1h)});
  EXPECT_EQ(keys(), "A B");
  EXPECT_EQ(status(), 429) << "what the upstream said says more";
  ask({ok()});
  EXPECT_EQ(calls_.size(), 0u);
  EXPECT_EQ(error(), "credentials_exhausted");
  EXPECT_EQ(std::string(outcome_->error().detail),
            "of the 2 keys of openai: 1 refused (auth), 1 out of money (quota_exhausted)");
  EXPECT_EQ(exchange_->retry_after, 5min);
  EXPECT_EQ(counted(Metric::kRetriesExhausted, "no_key"), 1u);
  loop_.advance(5min);
  ask({ok()});
  EXPECT_EQ(calls_.size(), 1u) << "one finds out";
  EXPECT_EQ(status(), 200);
}

TEST_F(CredentialsTest, AKeyWhoseMoneyWasGoneBeforeARestartStaysAside) {
  ask({poor(24h), ok()});
  const auto saved = cooldowns_.snapshot(loop_.now(), 0);
  ASSERT_EQ(saved.size(), 1u);
  SharedKeys fresh;
  const CredentialsContext context{fresh, cooldowns_, breakers_, kSip};
  const auto ring = fresh.ring("openai", [&] {
    std::vector<std::uint64_t> hashes;
    for (const auto& key : policies_.credentials->keys) {
      hashes.push_back(siphash(kSip, "Bearer " + std::string(key.reveal())));
    }
    return hashes;
  }());
  upstream_.policies = policies_;
  Credentials filter(context, upstream_, nullptr, loop_.now());
  for (int i = 0; i < 2; ++i) {
    calls_.clear();
    outcome_.reset();
    exchange_.reset();
    filters_.clear();
    seen_.clear();
    add(std::make_unique<Credentials>(context, upstream_, nullptr, loop_.now()));
    add(std::make_unique<Retry>(context_, upstream_.policies, "openai"));
    add(std::make_unique<Spy>(calls_));
    add(std::make_unique<ScriptedAttempts>(std::vector{ok()}, seen_));
    exchange().routed.upstream = &upstream_;
    exchange().routed.policies = &upstream_.policies;
    start();
    loop_.advance(0s);
    EXPECT_EQ(keys(), "B");
  }
  EXPECT_TRUE(ring->record(0).shut(loop_.now()));
}

TEST_F(CredentialsTest, WithoutRetryTheFilterChoosesItself) {
  policies_.retry.reset();
  ask({throttles(50s)});
  EXPECT_EQ(keys(), "A");
  EXPECT_EQ(status(), 429);
  for (int i = 0; i < 2; ++i) {
    ask({ok()});
    EXPECT_EQ(keys(), "B");
  }
  ask({answers(401, Verdict::kAuth)});
  ask({ok()});
  EXPECT_EQ(keys(), "A") << "one that cools is better than none";
}

TEST_F(CredentialsTest, AKeyWithAnOpenBreakerWaitsWhileAnotherIsThere) {
  policies_.circuit_breaker.emplace();
  policies_.circuit_breaker->key = {config::BreakerKey::kCredential};
  policies_.circuit_breaker->failures_in_a_row = 1;
  const auto own = breakers_.of("openai", "", *policies_.circuit_breaker, loop_.now());
  const std::uint64_t first = siphash(kSip, "Bearer " + kKeys[0]);
  own->of({.model = {}, .credential = first, .endpoint = {}}, loop_.now())
      ->force_open(loop_.now(), 1min);
  for (int i = 0; i < 3; ++i) {
    ask({ok()});
    EXPECT_EQ(keys(), "B");
  }
}

TEST_F(CredentialsTest, AShortKeyIsNotEvenToldInPart) {
  policies_.credentials->keys = {Secret("secret"), Secret("other")};
  ask({answers(401, Verdict::kAuth), ok()});
  EXPECT_EQ(told_, std::vector<std::string>{"openai 1/2  auth"});
}

TEST_F(CredentialsTest, TheirNumberByStateIsAMetric) {
  use_keys(3);
  ask({answers(401, Verdict::kAuth), throttles(50s), ok()});
  EXPECT_EQ(keys(), "A B C");
  export_keys(keys_, cooldowns_, registry_, loop_.now());
  const std::string page = registry_.expose(Exposition::kPrometheus);
  for (const std::string_view state : {"usable", "cooling", "set_aside"}) {
    EXPECT_NE(page.find(fmt::format("outrigger_credentials{{upstream=\"openai\",state=\"{}\"}} 1\n",
                                    state)),
              std::string::npos)
        << page;
  }
}

}  // namespace
}  // namespace outrigger::filters
