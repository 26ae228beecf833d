// How long a request stood in line at limits, as the access log tells it.
#include <string>

#include <gtest/gtest.h>

#include "filters/observe/access_record.h"

namespace outrigger::filters {
namespace {

TEST(AccessRecord, TellsHowLongARequestStoodInLine) {
  AccessRecord record;
  record.total = 1812345us;
  std::string none, json, text;
  append_json(none, record);
  EXPECT_EQ(none.find("queue_ms"), std::string::npos);
  record.queued = 1500ms;
  append_json(json, record);
  EXPECT_NE(json.find(R"("queue_ms":1500.000,"dur_ms":1812.345)"), std::string::npos) << json;
  append_text(text, record);
  EXPECT_NE(text.find(" queued=1500.000ms"), std::string::npos) << text;
}

}  // namespace
}  // namespace outrigger::filters
