#include "filters/deadline/deadline.h"

#include <gmock/gmock.h>

#include "filters/classify/hint_values.h"
#include "filters/deadline/deadlines.h"
#include "proxy/base/random.h"
#include "tests/unit/filters/chain_fixture.h"

namespace outrigger::filters {
namespace {

// 2026-01-31T23:59:59Z
constexpr std::int64_t kNow = 1'769'903'999'000'000;

// llm 2.1: seconds, as the libraries of OpenAI and Anthropic print them.
TEST(Deadlines, ReadsTheTimeoutsOfStainlessLibraries) {
  struct Row {
    std::string_view text;
    std::optional<Duration> time;
  };
  constexpr Row kRows[] = {
      {"600", 600s}, {"600.0", 600s}, {"0.5", 500ms}, {"59.999", 59'999ms},
      {"1", 1s},     {"0", {}},       {"-1", {}},     {"", {}},
      {"None", {}},  {"nan", {}},     {"inf", {}},    {"1e9", {}},
      {" 60", {}},   {"60s", {}},     {"0x10", {}},   {"+5", {}},
  };
  for (const Row& row : kRows) EXPECT_EQ(parse_stainless_timeout(row.text), row.time) << row.text;
}

// gRPC over HTTP/2: TimeoutValue is at most 8 digits; units H M S m u n.
TEST(Deadlines, ReadsGrpcTimeouts) {
  struct Row {
    std::string_view text;
    std::optional<Duration> time;
  };
  constexpr Row kRows[] = {
      {"1H", 1h},         {"2M", 2min}, {"3S", 3s},        {"4m", 4ms},
      {"5u", 5us},        {"6n", 6ns},  {"00000001S", 1s}, {"99999999n", 99'999'999ns},
      {"100000000n", {}}, {"S", {}},    {"1", {}},         {"", {}},
      {"1s", {}},         {"-1S", {}},  {"1.5S", {}},      {"1 S", {}},
      {"0S", 0s},
  };
  for (const Row& row : kRows) EXPECT_EQ(parse_grpc_timeout(row.text), row.time) << row.text;
}

// RFC 3339 5.6, with its examples (5.8).
TEST(Deadlines, ReadsTimesOfDay) {
  struct Row {
    std::string_view text;
    std::optional<std::int64_t> micros;
  };
  constexpr Row kRows[] = {
      {"1970-01-01T00:00:00Z", 0},
      {"2026-01-31T23:59:59Z", kNow},
      {"2026-02-01T00:59:59+01:00", kNow},
      {"2026-01-31T22:29:59-01:30", kNow},
      {"2026-01-31t23:59:59z", kNow},
      {"2026-01-31 23:59:59Z", kNow},
      {"2026-01-31T23:59:59.5Z", kNow + 500'000},
      {"2026-01-31T23:59:59.000000999Z", kNow},
      {"1985-04-12T23:20:50.52Z", 482'196'050'520'000},
      {"1990-12-31T23:59:60Z", 662'688'000'000'000},
      {"1937-01-01T12:00:27.87+00:20", -1'041'337'172'130'000},
      {"2024-02-29T00:00:00Z", 1'709'164'800'000'000},
      {"2025-02-29T00:00:00Z", {}},
      {"2026-13-01T00:00:00Z", {}},
      {"2026-00-01T00:00:00Z", {}},
      {"2026-01-01T24:00:00Z", {}},
      {"2026-01-01T00:60:00Z", {}},
      {"2026-01-01T00:00:61Z", {}},
      {"2026-01-01T00:00:00", {}},
      {"2026-01-01T00:00:00.Z", {}},
      {"2026-01-01T00:00:00+1:00", {}},
      {"2026-01-01T00:00:00+24:00", {}},
      {"2026-01-01T00:00:00Zx", {}},
      {"2026-1-01T00:00:00Z", {}},
      {"", {}},
      {"2026", {}},
  };
  for (const Row& row : kRows) {
    const std::optional<double> seconds = parse_rfc3339(row.text);
    ASSERT_EQ(seconds.has_value(), row.micros.has_value()) << row.text;
    if (seconds) EXPECT_NEAR(*seconds, static_cast<double>(*row.micros) / 1e6, 1e-6) << row.text;
  }
}

TEST(Deadlines, CutAnywhereATimeOfDayIsNone) {
  const std::string_view text = "2026-01-31T23:59:59.5+01:00";
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(parse_rfc3339(text.substr(0, size))) << size;
  }
}

TEST(Deadlines, ReadsOursAsDurationOrTime) {
  EXPECT_EQ(parse_deadline("30s", kNow), 30s);
  EXPECT_EQ(parse_deadline("1m30s", kNow), 90s);
  EXPECT_EQ(parse_deadline("2026-02-01T00:00:09Z", kNow), 10s);
  EXPECT_EQ(parse_deadline("2026-01-31T00:00:00Z", kNow), 0s) << "has passed";
  EXPECT_EQ(parse_deadline("30", kNow), std::nullopt);
  EXPECT_EQ(parse_deadline("soon", kNow), std::nullopt);
  EXPECT_EQ(parse_deadline("", kNow), std::nullopt);
}

TEST(Deadlines, NoBytesTakeThemOutOfBounds) {
  Random random(5);
  constexpr std::string_view kBytes = "0123456789.:-+TZzHMSmun sh";
  for (int i = 0; i < 200'000; ++i) {
    std::string text;
    for (std::uint64_t n = random.below(28); n > 0; --n)
      text += kBytes[random.below(kBytes.size())];
    for (const auto time :
         {parse_stainless_timeout(text), parse_grpc_timeout(text), parse_deadline(text, kNow)}) {
      if (time) EXPECT_GE(*time, 0s) << text;
    }
  }
}

TEST(Deadlines, AreAtMostTenYears) {
  constexpr Duration kMost = 10 * 365 * 24h;
  EXPECT_EQ(parse_stainless_timeout("99999999999999999999999"), kMost);
  EXPECT_EQ(parse_stainless_timeout("315360001"), kMost);
  EXPECT_EQ(parse_stainless_timeout("315359999"), kMost - 1s);
  EXPECT_EQ(parse_grpc_timeout("99999999H"), kMost);
  EXPECT_EQ(parse_deadline("9999-12-31T23:59:59Z", kNow), kMost);
}

TEST(Deadlines, TheLeastWins) {
  http::Headers headers;
  EXPECT_EQ(asked_time(headers, "", kNow), std::nullopt);
  headers.add("X-Stainless-Timeout", "600");
  EXPECT_EQ(asked_time(headers, "", kNow), 600s);
  headers.add("x-stainless-read-timeout", "60");
  EXPECT_EQ(asked_time(headers, "", kNow), 60s);
  headers.add("grpc-timeout", "20S");
  EXPECT_EQ(asked_time(headers, "", kNow), 20s);
  EXPECT_EQ(asked_time(headers, "10s", kNow), 10s);
  EXPECT_EQ(asked_time(headers, "junk", kNow), 20s);
}

std::int64_t clock_at_now() noexcept {
  return kNow;
}

class DeadlineTest : public ChainTest {
 protected:
  // An upstream that answers after `answer_after_`.
  void send() {
    add(std::make_unique<Deadline>(policies_, WallClock(&clock_at_now)));
    end_with([this](Exchange& seen) -> Task<Result<http::Response>> {
      ++calls_;
      CO_TRY(co_await SleepFor(loop_, *seen.scope, answer_after_));
      http::Response response;
      response.head.status = 200;
      response.body = http::Body(std::make_unique<PacedBody>(loop_, std::vector<Duration>{1h, 1h}),
                                 std::nullopt);
      co_return response;
    });
    exchange().started = loop_.now();
    start();
  }
  void expect_exceeded() {
    ASSERT_TRUE(done());
    ASSERT_FALSE(outcome_->has_value());
    EXPECT_EQ(outcome_->error().code, Errc::kTimeout);
    EXPECT_EQ(outcome_->error().reason, "deadline_exceeded");
    EXPECT_EQ(exchange().scope, &scope_) << "the scope that was lent is back";
  }

  config::Policies policies_;
  Duration answer_after_{10s};
  int calls_ = 0;
};

TEST_F(DeadlineTest, EndsWhatRunsWhenItPasses) {
  policies_.deadline = 5s;
  send();
  EXPECT_EQ(exchange().deadline, TimePoint{5s});
  loop_.advance(5s - 1ms);
  EXPECT_FALSE(done());
  loop_.advance(1ms);
  expect_exceeded();
}

TEST_F(DeadlineTest, LeavesAnAnswerAloneThatHasBegun) {
  policies_.deadline = 11s;
  send();
  loop_.advance(10s);
  ASSERT_TRUE(done() && outcome_->has_value());
  read_body();
  loop_.advance(3h);
  EXPECT_TRUE(body_ended_);
}

TEST_F(DeadlineTest, TheCallersWordCountsWhenItIsLess) {
  policies_.deadline = 1h;
  request_.head.headers.add("x-stainless-timeout", "8.5");
  send();
  EXPECT_EQ(exchange().deadline, TimePoint{8500ms});
  loop_.advance(8500ms);
  expect_exceeded();
}

TEST_F(DeadlineTest, AndNotWhenItIsMore) {
  policies_.deadline = 5s;
  exchange().deadline_asked = "1h";
  send();
  EXPECT_EQ(exchange().deadline, TimePoint{5s});
}

TEST_F(DeadlineTest, OneThatHasPassedSendsNothing) {
  exchange().deadline_asked = "2026-01-31T23:00:00Z";
  send();
  expect_exceeded();
  EXPECT_EQ(calls_, 0);
}

TEST_F(DeadlineTest, OneThatNobodyUnderstandsIsRefused) {
  exchange().deadline_asked = "2";  // of what?
  send();
  ASSERT_TRUE(done());
  ASSERT_FALSE(outcome_->has_value());
  EXPECT_EQ(outcome_->error().origin, Origin::kClient);
  EXPECT_THAT(outcome_->error().detail, testing::HasSubstr("30s"));
  EXPECT_EQ(calls_, 0);
}

TEST_F(DeadlineTest, NobodysWordIsNoDeadline) {
  answer_after_ = 100h;
  send();
  loop_.advance(99h);
  EXPECT_FALSE(done());
  EXPECT_EQ(exchange().deadline, std::nullopt);
  scope_.cancel({});
}

TEST_F(DeadlineTest, AClientThatLeavesIsNotLate) {
  policies_.deadline = 5s;
  send();
  scope_.cancel({Errc::kCancelled, Origin::kClient, "client_gone"});
  ASSERT_TRUE(done());
  EXPECT_EQ(outcome_->error().reason, "client_gone");
}

}  // namespace
}  // namespace outrigger::filters
