#include "proxy/mock/plan.h"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "proxy/mock/answers.h"
#include "tests/unit/mock/support.h"

namespace outrigger::mock {
namespace {

// p1 is a preamble, a b c have content, z closes, T is the terminator, D is [DONE].
Answer letters() {
  Answer answer = stream_answer(kEventStream);
  const auto add = [&](Role role, const char* name) {
    answer.events.push_back({role, fmt::format("data: {}\n\n", name)});
  };
  add(Role::kPreamble, "p");
  add(Role::kContent, "a");
  add(Role::kContent, "b");
  add(Role::kContent, "c");
  add(Role::kClosing, "z");
  add(Role::kTerminator, "T");
  add(Role::kDone, "D");
  return answer;
}

Answer whole() {
  Answer answer;
  answer.content_type = "application/json";
  answer.events = {{Role::kContent, R"({"a":"0123456789"})"}};
  return answer;
}

Plan plan_of(Answer answer, std::string_view fault) {
  const auto read = parse_fault(fault);
  EXPECT_TRUE(read) << fault;
  return make_plan(std::move(answer), read.value_or(Fault{}), "data: E\n\n");
}

std::string events_of(const Plan& plan) {
  std::string all;
  for (const std::string& data : sse_data(bytes_of(plan))) all += data;
  return all;
}

TEST(MockPlan, EndsAStreamWhereTheFaultSays) {
  struct Row {
    std::string_view fault, events;
    End end;
  };
  const std::vector<Row> rows = {
      {"", "pabczTD", End::kProper},
      {"cut=start", "", End::kProper},
      {"cut=0", "p", End::kProper},
      {"cut=2", "pab", End::kProper},
      {"cut=3", "pabc", End::kProper},
      {"cut=9999", "pabc", End::kProper},  // never so late that nothing is missing
      {"break=1", "pa", End::kBreak},
      {"abort=1", "pa", End::kAbort},
      {"stall=0", "p", End::kStall},
      {"error-event=x@1", "paE", End::kProper},
      {"error-event=x", "pE", End::kProper},
      {"error-event=x@start", "E", End::kProper},
      {"no-terminator", "pabcz", End::kProper},
      {"no-done", "pabczT", End::kProper},
      {"empty", "", End::kProper},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.fault);
    const Plan plan = plan_of(letters(), row.fault);
    EXPECT_EQ(events_of(plan), row.events);
    EXPECT_EQ(plan.end, row.end);
  }
}

TEST(MockPlan, ACutNeverHoldsTheTerminator) {
  for (std::uint32_t events = 0; events < 20; ++events) {
    for (const std::string_view word : {"cut", "break", "abort", "stall"}) {
      const Plan plan = plan_of(letters(), fmt::format("{}={}", word, events));
      EXPECT_EQ(bytes_of(plan).find('T'), std::string::npos) << word << events;
    }
  }
}

TEST(MockPlan, LeavesTheLastEventOpen) {
  const Plan plan = plan_of(letters(), "no-last-blank-line");
  EXPECT_TRUE(bytes_of(plan).ends_with("data: D\n"));
  EXPECT_FALSE(bytes_of(plan).ends_with("\n\n"));
}

TEST(MockPlan, PromisesMoreThanItSends) {
  struct Row {
    std::string_view fault;
    End end;
  };
  for (const Row& row : std::vector<Row>{{"truncate=50%", End::kBreak},
                                         {"break=0", End::kBreak},
                                         {"abort=start", End::kAbort},
                                         {"stall=1", End::kStall}}) {
    SCOPED_TRACE(row.fault);
    const Plan plan = plan_of(whole(), row.fault);
    ASSERT_TRUE(plan.length);
    EXPECT_GT(*plan.length, bytes_of(plan).size());
    EXPECT_EQ(plan.end, row.end);
  }
  const Plan stream = plan_of(letters(), "truncate=50%");
  EXPECT_EQ(stream.length, 2 * bytes_of(stream).size() + 1);  // 63 bytes
}

TEST(MockPlan, BreaksTheJsonAndKeepsTheFraming) {
  for (const std::string_view fault : {"malformed", "cut=1", "no-terminator"}) {
    const Plan plan = plan_of(whole(), fault);
    EXPECT_TRUE(Json::parse(bytes_of(plan), nullptr, false).is_discarded()) << fault;
    EXPECT_EQ(plan.length, bytes_of(plan).size());
    EXPECT_EQ(plan.end, End::kProper);
  }
}

TEST(MockPlan, AnswersWithAPageOrNothing) {
  const Plan page = plan_of(whole(), "html");
  EXPECT_EQ(page.headers[0].second, "text/html; charset=utf-8");
  EXPECT_EQ(page.status, 200);
  const Plan nothing = plan_of(letters(), "empty");
  EXPECT_EQ(nothing.length, 0u);
  EXPECT_TRUE(nothing.pieces.empty());
}

TEST(MockPlan, WaitsBeforeTheFirstEventAndBetweenEvents) {
  const Plan plan = plan_of(letters(), "first-event-delay=3s;gap=500ms");
  ASSERT_EQ(plan.pieces.size(), 7u);
  EXPECT_EQ(plan.pieces[0].before, 3s);
  for (std::size_t i = 1; i < plan.pieces.size(); ++i) EXPECT_EQ(plan.pieces[i].before, 500ms);
}

TEST(MockPlan, SplitsAnywhereAndChangesNoByte) {
  const std::string bytes = bytes_of(plan_of(letters(), ""));
  for (int size = 1; size < 30; ++size) {
    const Plan plan = plan_of(letters(), fmt::format("split={}", size));
    EXPECT_EQ(bytes_of(plan), bytes);
    for (const Piece& piece : plan.pieces)
      EXPECT_LE(piece.bytes.size(), static_cast<std::size_t>(size));
  }
}

TEST(MockPlan, DressesAStreamWithoutChangingItsEvents) {
  for (const std::string_view fault : {"crlf", "bom", "comments=3", "crlf;bom;comments=2;split=1"})
    EXPECT_EQ(events_of(plan_of(letters(), fault)), "pabczTD") << fault;
  EXPECT_EQ(bytes_of(plan_of(letters(), "crlf")).find("\n\n"), std::string::npos);
}

TEST(MockPlan, AddsFieldsAndCompresses) {
  const Plan plan = plan_of(whole(), "header=x-a:1;gzip");
  EXPECT_EQ(plan.headers[1], (std::pair<std::string, std::string>("content-encoding", "gzip")));
  EXPECT_EQ(plan.headers[2], (std::pair<std::string, std::string>("x-a", "1")));
  EXPECT_EQ(plan.length, bytes_of(plan).size());
}

}  // namespace
}  // namespace outrigger::mock
