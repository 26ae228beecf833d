#include "filters/retry/probe.h"

#include <gtest/gtest.h>

#include "filters/retry/give_up.h"

namespace outrigger::filters {
namespace {

TEST(ProbeTarget, FillsInItsTemplate) {
  const std::string body = R"({"invoice":{"id":"A/1 ü"},"n":42,"ok":true,"none":null,"list":[7]})";
  struct Row {
    std::string_view pattern;
    std::optional<std::string> target;
  };
  const Row kRows[] = {
      {"/invoices?external_id={idempotency-key}", "/invoices?external_id=key-1%2F2"},
      {"/i/{/invoice/id}?n={/n}&ok={/ok}", "/i/A%2F1%20%C3%BC?n=42&ok=true"},
      {"/list/{/list/0}", "/list/7"},
      {"/plain", "/plain"},
      {"/x/{/missing}", std::nullopt},
      {"/x/{/none}", std::nullopt},
      {"/x/{/invoice}", std::nullopt},
      {"/x/{unknown}", std::nullopt},
      {"/x/{/list/9}", std::nullopt},
      {"/x/{/n", std::nullopt},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(probe_target(row.pattern, "key-1/2", body), row.target) << row.pattern;
  }
  EXPECT_EQ(probe_target("/x/{idempotency-key}", "", body), std::nullopt);
  EXPECT_EQ(probe_target("/x/{/n}", "k", std::nullopt), std::nullopt);
  EXPECT_EQ(probe_target("/x/{/n}", "k", "{broken"), std::nullopt);
  EXPECT_EQ(probe_target("/x/{/n}", "k", std::string(100'000, '[')), std::nullopt);
  EXPECT_EQ(probe_target("/x/{idempotency-key}", "k", std::nullopt), "/x/k");
}

TEST(ReadProbe, TellsFoundFromMissingFromUnclear) {
  using Test = config::JsonMatch::Test;
  config::Verify plain;
  config::Verify total;
  total.found_json = {{.pointer = "/total", .test = Test::kAtLeast, .text = {}, .number = 1}};
  config::Verify named;
  named.found_status = {{.first = 302, .last = 302}};
  struct Row {
    const config::Verify& verify;
    int status;
    std::string_view body;
    ProbeWord word;
  };
  const Row kRows[] = {
      {plain, 200, "", ProbeWord::kFound},
      {plain, 204, "", ProbeWord::kFound},
      {plain, 404, "", ProbeWord::kMissing},
      {plain, 410, "", ProbeWord::kMissing},
      {plain, 500, "", ProbeWord::kUnclear},
      {plain, 401, "", ProbeWord::kUnclear},
      {plain, 429, "", ProbeWord::kUnclear},
      {plain, 302, "", ProbeWord::kUnclear},
      {total, 200, R"({"total":1})", ProbeWord::kFound},
      {total, 200, R"({"total":0})", ProbeWord::kMissing},
      {total, 200, R"({"total":"1"})", ProbeWord::kMissing},
      {total, 200, R"({})", ProbeWord::kMissing},
      {total, 200, "<html>", ProbeWord::kUnclear},
      {total, 404, R"({"total":1})", ProbeWord::kMissing},
      {named, 302, "", ProbeWord::kFound},
      {named, 200, "", ProbeWord::kMissing},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(read_probe(row.verify, row.status, row.body), row.word) << row.status << row.body;
  }
}

TEST(ReadProbe, KnowsEveryTestOfTheConfiguration) {
  using Test = config::JsonMatch::Test;
  struct Row {
    Test test;
    std::string_view text;
    double number;
    std::string_view value;
    bool holds;
  };
  constexpr Row kRows[] = {
      {Test::kEquals, "paid", 0, R"("paid")", true},
      {Test::kEquals, "paid", 0, R"("Paid")", false},
      {Test::kEquals, "1", 0, "1.0", true},
      {Test::kEquals, "1", 0, R"("1")", true},
      {Test::kEquals, "true", 0, "true", true},
      {Test::kEquals, "null", 0, "null", true},
      {Test::kEquals, "x", 0, "1", false},
      {Test::kEquals, "{}", 0, "{}", false},
      {Test::kAtLeast, "", 2, "2", true},
      {Test::kAtLeast, "", 2, "1.9", false},
      {Test::kAtMost, "", 2, "2", true},
      {Test::kAtMost, "", 2, "3", false},
      {Test::kContains, "QUOTA", 0, R"("your quota is")", true},
      {Test::kContains, "quota", 0, "7", false},
      {Test::kPresent, "", 0, "null", true},
  };
  for (const Row& row : kRows) {
    config::Verify verify;
    verify.found_json = {
        {.pointer = "/v", .test = row.test, .text = std::string(row.text), .number = row.number}};
    const std::string body = "{\"v\":" + std::string(row.value) + "}";
    EXPECT_EQ(read_probe(verify, 200, body) == ProbeWord::kFound, row.holds) << row.value;
  }
}

// llm 2.2
TEST(GiveUp, TellsClientsToStopAndWhenToComeBack) {
  http::ResponseHead head;
  head.status = 503;
  head.reason = "Service Unavailable";
  head.headers.add("X-Should-Retry", "true");
  head.headers.add("Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT");
  advise_to_give_up(head, 1500ms, 424);
  EXPECT_EQ(head.status, 424);
  EXPECT_TRUE(head.reason.empty());
  EXPECT_EQ(should_retry(head.headers), false);
  EXPECT_EQ(head.headers.find("stripe-should-retry")->value, "false");
  EXPECT_EQ(head.headers.find("retry-after")->value, "2");
  EXPECT_EQ(head.headers.find("retry-after-ms")->value, "1500");
  EXPECT_EQ(head.headers.size(), 4u);

  http::ResponseHead other;
  other.status = 500;
  other.headers.add("Retry-After", "7");
  advise_to_give_up(other, std::nullopt, 0);
  EXPECT_EQ(other.status, 500);
  EXPECT_EQ(other.headers.find("retry-after")->value, "7");
  advise_to_give_up(other, 1001ms, 0);
  EXPECT_EQ(other.headers.find("retry-after")->value, "2") << "never too early";
  advise_to_give_up(other, Duration{0}, 0);  // at once is no time that libraries understand
  EXPECT_EQ(other.headers.find("retry-after")->value, "1");
  EXPECT_EQ(other.headers.find("retry-after-ms")->value, "1");
}

TEST(GiveUp, ReadsWhatLibrariesSay) {
  http::Headers headers;
  EXPECT_EQ(should_retry(headers), std::nullopt);
  EXPECT_EQ(client_retries(headers), 0u);
  headers.add("stripe-should-retry", "True");
  EXPECT_EQ(should_retry(headers), true);
  headers.add("x-should-retry", "false");
  EXPECT_EQ(should_retry(headers), false);
  for (const auto& [text, count] : {std::pair{"2", 2u},
                                    {"0", 0u},
                                    {"x", 0u},
                                    {"-1", 0u},
                                    {"", 0u},
                                    {"99999999999", 0u},
                                    {"1 ", 0u}}) {
    headers.set("x-stainless-retry-count", text);
    EXPECT_EQ(client_retries(headers), count) << text;
  }
}

}  // namespace
}  // namespace outrigger::filters
