// The signature of each attempt, in simulated time.
#include "filters/sign/sign.h"

#include <filesystem>
#include <string>
#include <vector>

#include "filters/intake/intake.h"
#include "filters/sign/sigv4.h"
#include "tests/unit/filters/inline_files.h"
#include "tests/unit/filters/retry_fixture.h"

namespace outrigger::filters {
namespace {

// A body that comes in pieces.
class Pieces final : public http::BodySource {
 public:
  explicit Pieces(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {}
  Task<Result<Slice>> read(CancelScope&) override {
    if (next_ == pieces_.size()) co_return Slice{};
    co_return Slice::copy(pieces_[next_++]);
  }
  [[nodiscard]] bool ready() const noexcept override { return true; }

 private:
  std::vector<std::string> pieces_;
  std::size_t next_ = 0;
};

// Notes the signature of each attempt, and what would be signed of what is sent.
class Spy final : public Filter {
 public:
  struct Seen {
    std::string authorization, date, token, hash;
  };
  explicit Spy(std::vector<Seen>& seen) : seen_(seen) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "spy"; }
  Task<Result<http::Response>> handle(Exchange& exchange, Next next) override {
    const auto get = [&](std::string_view name) {
      const http::Field* field = exchange.request.head.headers.find(name);
      return field == nullptr ? std::string("-") : std::string(field->value);
    };
    seen_.push_back({get("authorization"), get("x-amz-date"), get("x-amz-security-token"),
                     get("x-amz-content-sha256")});
    return next(exchange);
  }

 private:
  std::vector<Seen>& seen_;
};

class SignTest : public RetryTest {
 protected:
  SignTest() {
    wall_clock = kStart;
    policies_.circuit_breaker.reset();
    config::Credentials& credentials = policies_.credentials.emplace();
    credentials.aws = config::AwsSigning{.region = "us-east-1",
                                         .service = "bedrock",
                                         .access_key = Secret("AKIDEXAMPLE"),
                                         .secret_key = Secret("wJalrXUtnFEMI"),
                                         .session_token = {}};
    upstream_.endpoints.push_back({.url = "https://bedrock-runtime.us-east-1.amazonaws.com",
                                   .tls = true,
                                   .host = "bedrock-runtime.us-east-1.amazonaws.com",
                                   .port = 443,
                                   .base_path = ""});
    request_.head.target = "/model/a.b-v1%3A0/invoke";
  }
  ~SignTest() override {
    scope_.cancel({});
    settle();
    outcome_.reset();
    exchange_.reset();
    settle();
    EXPECT_EQ(memory_.memory(), 0u);
    EXPECT_EQ(memory_.disk(), 0u);
  }
  // 2015-08-30T12:36:00Z, until a test says otherwise.
  static constexpr std::int64_t kStart = 1'440'938'160'000'000;
  static inline std::int64_t wall_clock = kStart;
  static std::int64_t read_clock() noexcept { return wall_clock; }

  void ask(std::vector<ScriptedAttempt> script) {
    upstream_.policies = policies_;
    add(std::make_unique<Intake>(intake_, upstream_.policies));
    if (policies_.retry) add(std::make_unique<Retry>(context_, upstream_.policies, "openai"));
    add(std::make_unique<Sign>(upstream_, upstream_.policies, WallClock(&read_clock)));
    add(std::make_unique<Spy>(calls_));
    add(std::make_unique<ScriptedAttempts>(std::move(script), seen_));
    Exchange& it = exchange();
    it.started = loop_.now();
    it.routed.upstream = &upstream_;
    it.routed.policies = &upstream_.policies;
    start();
    settle();
  }
  void settle() {
    for (int i = 0; i < 500; ++i) loop_.advance(0s);
  }
  void upload(std::vector<std::string> pieces) {
    request_.body = http::Body(std::make_unique<Pieces>(std::move(pieces)), std::nullopt);
  }
  // What Authorization must be for such a body and date.
  [[nodiscard]] std::string expected(std::string_view payload, std::string_view date,
                                     std::string_view service = "bedrock") const {
    SignedRequest request{
        "POST",
        "/model/a.b-v1%3A0/invoke",
        {{"host", "bedrock-runtime.us-east-1.amazonaws.com"}, {"x-amz-date", date}},
        payload};
    if (service == "s3") request.fields.push_back({"x-amz-content-sha256", payload});
    return sign_v4(request, {"AKIDEXAMPLE", "wJalrXUtnFEMI", "us-east-1", service}, date);
  }

  ReplayMemory memory_;
  InlineFiles files_;
  IntakeContext intake_{
      {memory_, files_, [] { return open_scratch(std::filesystem::temp_directory_path()); }},
      {1, 2}};
  std::vector<Spy::Seen> calls_;
};

TEST_F(SignTest, SignsWhatIsSent) {
  ask({ok()});
  ASSERT_EQ(calls_.size(), 1u);
  EXPECT_EQ(calls_[0].date, "20150830T123600Z");
  EXPECT_EQ(calls_[0].authorization, expected(sha256_hex("{\"n\":1}"), "20150830T123600Z"));
  EXPECT_EQ(calls_[0].token, "-");
  EXPECT_EQ(calls_[0].hash, "-");
}

TEST_F(SignTest, EachAttemptHasItsOwnDateAndOneSignature) {
  ask({answers(503), ok()});
  loop_.advance(400ms);
  EXPECT_EQ(calls_.size(), 1u);
  wall_clock += 1'000'000;
  loop_.advance(2s);
  ASSERT_EQ(calls_.size(), 2u);
  const std::string hash = sha256_hex("{\"n\":1}");
  EXPECT_EQ(calls_[0].authorization, expected(hash, "20150830T123600Z"));
  EXPECT_EQ(calls_[1].date, "20150830T123601Z");
  EXPECT_EQ(calls_[1].authorization, expected(hash, "20150830T123601Z"));
}

TEST_F(SignTest, LeavesNothingOnTheRequest) {
  policies_.credentials->aws->session_token = Secret("token");
  ask({ok()});
  EXPECT_EQ(calls_.at(0).token, "token");
  EXPECT_TRUE(
      calls_.at(0).authorization.contains("SignedHeaders=host;x-amz-date;x-amz-security-token,"));
  EXPECT_EQ(exchange_->request.head.headers.size(), 0u);
}

TEST_F(SignTest, SignsAllAmzFieldsOfTheClient) {
  request_.head.headers.add("X-Amz-Target", "Service.Call");
  request_.head.headers.add("X-Amzn-Trace-Id", "not signed");
  ask({ok()});
  EXPECT_TRUE(calls_.at(0).authorization.contains("SignedHeaders=host;x-amz-date;x-amz-target,"));
}

TEST_F(SignTest, ReadsABodyThatIsStillComingAndSendsItWhole) {
  const std::string text(3 * 1024 * 1024, 'x');
  upload({text.substr(0, 1'000'000), text.substr(1'000'000)});
  ask({answers(503), ok()});
  wall_clock += 1'000'000;
  loop_.advance(2s);
  settle();
  ASSERT_EQ(calls_.size(), 2u);
  EXPECT_EQ(calls_[1].authorization, expected(sha256_hex(text), "20150830T123601Z"));
  EXPECT_EQ(seen_[0].body, text);
  EXPECT_EQ(seen_[1].body, text);
}

TEST_F(SignTest, ReadsItWithoutRetryToo) {
  policies_.retry.reset();
  upload({"a", "b"});
  ask({ok()});
  EXPECT_EQ(calls_.at(0).authorization, expected(sha256_hex("ab"), "20150830T123600Z"));
  EXPECT_EQ(seen_.at(0).body, "ab");
}

TEST_F(SignTest, RefusesABodyThatIsLongerThanIsKept) {
  policies_.retry->buffer = 10;
  upload({"0123456789", "!"});
  ask({ok()});
  EXPECT_TRUE(calls_.empty());
  EXPECT_EQ(error(), "body_too_large");
}

TEST_F(SignTest, S3TakesABodyThatIsStillComingUnsigned) {
  policies_.credentials->aws->service = "s3";
  upload({"a", "b"});
  ask({ok()});
  EXPECT_EQ(calls_.at(0).hash, "UNSIGNED-PAYLOAD");
  EXPECT_EQ(calls_.at(0).authorization, expected("UNSIGNED-PAYLOAD", "20150830T123600Z", "s3"));
}

TEST_F(SignTest, AClientsOwnSignatureStays) {
  request_.head.headers.add("authorization", "AWS4-HMAC-SHA256 own");
  ask({ok()});
  EXPECT_EQ(calls_.at(0).authorization, "AWS4-HMAC-SHA256 own");
  EXPECT_EQ(calls_.at(0).date, "-");
}

}  // namespace
}  // namespace outrigger::filters
