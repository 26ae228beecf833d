#include "proxy/mock/fault.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace outrigger::mock {
namespace {

Fault read(std::string_view text) {
  const auto fault = parse_fault(text);
  EXPECT_TRUE(fault) << text << ": " << (fault ? "" : to_string(fault.error()));
  return fault.value_or(Fault{});
}

TEST(MockFault, SaysWhatTheWordsSay) {
  const Fault fault = read("status=429; code=insufficient_quota ;retry-after=2;delay=1.5s;");
  EXPECT_EQ(fault.status, 429);
  EXPECT_EQ(fault.code, "insufficient_quota");
  EXPECT_EQ(fault.retry_after, "2");
  EXPECT_EQ(fault.delay, 1500ms);
  EXPECT_EQ(fault.wire, Wire::kAnswer);
}

TEST(MockFault, EndsTheBodyWhereItIsTold) {
  struct Row {
    std::string_view text;
    Ending ending;
    std::uint32_t events;
  };
  const std::vector<Row> rows = {
      {"cut=3", Ending::kCut, 3},
      {"break=0", Ending::kBreak, 0},
      {"abort=3", Ending::kAbort, 3},
      {"stall=start", Ending::kStall, Place::kStart},
      {"error-event=overloaded_error@2", Ending::kErrorEvent, 2},
      {"error-event=overloaded_error", Ending::kErrorEvent, 0},
      {"no-terminator", Ending::kNoTerminator, 0},
      {"no-done", Ending::kNoDone, 0},
      {"no-last-blank-line", Ending::kNoLastBlankLine, 0},
      {"truncate=50%", Ending::kTruncate, 0},
      {"cut=3;no-done", Ending::kNoDone, 3},  // the later counts
      {"", Ending::kProper, 0},
  };
  for (const Row& row : rows) {
    const Fault fault = read(row.text);
    EXPECT_EQ(fault.ending, row.ending) << row.text;
    EXPECT_EQ(fault.place.events, row.events) << row.text;
  }
}

TEST(MockFault, KnowsRatesChancesAndCounts) {
  EXPECT_EQ(read("rate=60/min").rate, (config::Rate{60, 1min}));
  EXPECT_EQ(read("trickle=2/s").gap, 500ms);
  const Fault first = read("fail-first=2:503");
  EXPECT_EQ(first.fail_first, 2u);
  EXPECT_EQ(first.status, 503);
  const Fault share = read("fail=30%:reset");
  EXPECT_EQ(share.fail_share, 0.3);
  EXPECT_EQ(share.wire, Wire::kReset);
}

TEST(MockFault, NamesThePlaceOfAMistake) {
  struct Row {
    std::string_view text, says;
  };
  const std::vector<Row> rows = {
      {"statu=503", "at 1: there is no fault \"statu\"; did you mean \"status\"?"},
      {"status=503;frobnicate", "at 12: there is no fault \"frobnicate\""},
      {"delay=1s; gap=5", "at 11: \"5\" is not a duration; write a unit, for example 500ms"},
      {"status", "at 1: \"status\" needs a value: status=CODE"},
      {"status=", "at 1: \"status\" needs a value: status=CODE"},
      {"status=99", "at 1: \"99\" is not a status from 200 to 599"},
      {"status=1000", "at 1: \"1000\" is not a status from 200 to 599"},
      {"hang=1", "at 1: \"hang\" takes no value"},
      {"cut=x", "at 1: \"x\" is not a number of events, or \"start\""},
      {"truncate=100%", "at 1: \"100%\" is not a part of the body below 100%, for example 50%"},
      {"rate=0/s", "at 1: \"0/s\" is not a rate, for example 60/min"},
      {"fail-first=503", "at 1: \"503\" is not COUNT:FAILURE, for example 2:503"},
      {"fail=x:503", "at 1: \"x\" is not a percentage, for example 30%"},
      {"fail=1%:explode",
       "at 1: \"explode\" is not a status, reset, close, hang, junk or malformed"},
      {"header=x", "at 1: \"x\" is not NAME:VALUE"},
      {"size=1GiB", "at 1: \"1GiB\" is not a size of at most 64MiB, for example 1MiB"},
      {"delay=2h", "at 1: \"2h\" is not at most 1h"},
  };
  for (const Row& row : rows) {
    const auto fault = parse_fault(row.text);
    ASSERT_FALSE(fault) << row.text;
    EXPECT_EQ(to_string(fault.error()), row.says) << row.text;
  }
}

TEST(MockFault, RefusesAWordWithoutItsValueAndTakesEveryOtherAlone) {
  for (const FaultWord& word : fault_words()) {
    const std::string name(word.form.substr(0, word.form.find('=')));
    EXPECT_EQ(parse_fault(name).has_value(), name == word.form) << word.form;
  }
}

TEST(MockFault, LeavesTheSparedTheirPaceOnly) {
  const Fault left = spared(read("fail=1%:503;delay=2s;gap=1s;cut=2;header=a:b"));
  EXPECT_EQ(left.delay, 2s);
  EXPECT_EQ(left.gap, 1s);
  EXPECT_EQ(left.status, std::nullopt);
  EXPECT_EQ(left.ending, Ending::kProper);
  EXPECT_TRUE(left.headers.empty());
}

}  // namespace
}  // namespace outrigger::mock
