#include "proxy/cli/answer_report.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace outrigger::cli {
namespace {

std::string repeats(const config::Policies& policies, Verdict verdict,
                    std::optional<Duration> hint = {}, std::optional<bool> says = {}) {
  filters::Judgement judgement;
  judgement.verdict = verdict;
  judgement.hint = hint;
  judgement.upstream_says_retry = says;
  std::string text;
  for (const Repeat& repeat : repeats_after(policies, judgement)) {
    text += (text.empty() ? "" : "|") + std::string(repeat.again ? "yes" : "no");
  }
  return text;
}

// Resilience 3, safety table, column P4.
TEST(AnswerReport, SaysWhetherTheRequestIsSentAgain) {
  config::Policies policies;
  EXPECT_EQ(repeats(policies, Verdict::kTransient), "yes|no");  // by method
  EXPECT_EQ(repeats(policies, Verdict::kThrottled), "yes|yes");
  EXPECT_EQ(repeats(policies, Verdict::kOk), "no");
  EXPECT_EQ(repeats(policies, Verdict::kAuth), "no");
  EXPECT_EQ(repeats(policies, Verdict::kThrottled, 61s), "no");
  EXPECT_EQ(repeats(policies, Verdict::kThrottled, 60s), "yes|yes");
  EXPECT_EQ(repeats(policies, Verdict::kTransient, {}, false), "no");
  struct Row {
    config::Replay replay;
    std::string transient, overloaded;
  };
  const Row rows[] = {
      {config::Replay::kSafe, "yes", "yes"},   {config::Replay::kKeyed, "yes", "yes"},
      {config::Replay::kVerify, "yes", "yes"}, {config::Replay::kUnsent, "no", "yes"},
      {config::Replay::kNever, "no", "no"},
  };
  for (const Row& row : rows) {
    policies.replay = row.replay;
    EXPECT_EQ(repeats(policies, Verdict::kTransient), row.transient);
    EXPECT_EQ(repeats(policies, Verdict::kOverloaded), row.overloaded);
  }
  policies.retry->max_attempts = 1;
  policies.replay = config::Replay::kSafe;
  EXPECT_EQ(repeats(policies, Verdict::kTransient), "no");
  policies.retry.reset();
  EXPECT_EQ(repeats(policies, Verdict::kTransient), "no");
}

// The verdict is the proxy's own: a success must be whole.
TEST(AnswerReport, DoubtsASuccessAsTheProxyDoes) {
  const auto verdict = [](config::Dialect dialect, std::string_view type, std::string body) {
    config::Policies policies;
    policies.dialect = dialect;
    PastedAnswer answer;
    if (!type.empty()) answer.headers.add("Content-Type", type);
    answer.body = std::move(body);
    return judge_pasted(policies, answer, 0).verdict;
  };
  using enum config::Dialect;
  EXPECT_EQ(verdict(kOpenai, "application/json", R"({"id":1})"), Verdict::kOk);
  EXPECT_EQ(verdict(kOpenai, "application/json", R"({"id":)"), Verdict::kTruncated);
  EXPECT_EQ(verdict(kOpenai, "", R"({"id":)"), Verdict::kTruncated) << "a body alone";
  EXPECT_EQ(verdict(kOpenai, "text/html", "<html>"), Verdict::kInvalidResponse);
  EXPECT_EQ(verdict(kJson, "application/json", R"({"id":)"), Verdict::kTruncated);
  EXPECT_EQ(verdict(kJson, "text/html", "<html>"), Verdict::kOk);
  EXPECT_EQ(verdict(kNone, "application/json", R"({"id":)"), Verdict::kOk) << "as it does there";
}

TEST(AnswerReport, IsValidJsonWhateverTheProviderSays) {
  PastedAnswer answer;
  answer.status = 429;
  filters::Judgement judgement;
  judgement.verdict = Verdict::kThrottled;
  judgement.error = "a\"b\n";
  judgement.message = "\x1b[31mred\xff";
  judgement.hint = 1500ms;
  judgement.hint_from = "retry-after";
  const AnswerReport report{answer, judgement, 0, "", {{"", true, "replay is safe"}}};
  const auto json = nlohmann::json::parse(print_json(report), nullptr, false);
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json.at("verdict"), "throttled");
  EXPECT_EQ(json.at("rule"), nullptr);
  EXPECT_EQ(json.at("wait_ms"), 1500);
  EXPECT_EQ(json.at("error"), "a\"b\n");
  EXPECT_EQ(json.at("repeat").at(0).at("again"), true);
  EXPECT_EQ(print_text(report).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace outrigger::cli
