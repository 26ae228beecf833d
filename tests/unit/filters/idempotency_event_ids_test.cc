#include "filters/idempotency/event_ids.h"

#include <string>

#include <gtest/gtest.h>

namespace outrigger::filters {
namespace {

const std::string kKey = std::string(47, 'k') + '\xff';
const std::string kExecution = "01M8G0840E3HPP632GX892NMTC";

TEST(EventIds, AnIdIsReadAsItWasWritten) {
  const std::string id = event_id({kKey, kExecution, 1'234'567'890'123});
  EXPECT_EQ(parse_event_id(id), (StreamPosition{kKey, kExecution, 1'234'567'890'123}));
}

TEST(EventIds, WhatIsNoIdOfOursIsNone) {
  const std::string id = event_id({kKey, kExecution, 7});
  for (const std::string& text :
       {std::string(), std::string("42"), id.substr(1), id.substr(0, id.size() - 1), id + "x",
        "G" + id.substr(1), id + "99999999999999999999", id.substr(0, 96) + "-", "a" + id}) {
    EXPECT_FALSE(parse_event_id(text)) << text;
  }
}

// What a client gets that takes the answer in pieces of that size, and goes on behind the event of
// each id in turn.
std::string in_pieces(std::string_view answer, std::size_t size, std::uint64_t from = 0) {
  EventIdWriter writer({kKey, kExecution, from});
  std::string out;
  for (std::size_t at = from; at < answer.size(); at += size) {
    out += writer.write(answer.substr(at, size));
  }
  return out;
}

std::string without_ids(std::string text) {
  for (std::size_t at; (at = text.find("id: ")) != std::string::npos;) {
    text.erase(at, text.find('\n', at) + 1 - at);
  }
  return text;
}

constexpr std::string_view kAnswers[] = {
    "data: a\n\ndata: b\ndata: c\n\n",
    "event: x\r\ndata: a\r\n\r\n: comment\r\n\r\ndata: b\r\n\r\n",
    "data: a\r\rdata: b\r\r",
    "\n\n\ndata: a\n\n\n\ndata: half",
};

TEST(EventIds, EachEventHasTheByteBehindItAndNoOtherByteChanges) {
  EXPECT_EQ(in_pieces("data: a\n\n: c\n\n", 100),
            "data: a\nid: " + event_id({kKey, kExecution, 9}) +
                "\n\n: c\nid: " + event_id({kKey, kExecution, 14}) + "\n\n");
  for (const std::string_view answer : kAnswers) {
    for (std::size_t size = 1; size <= answer.size(); ++size) {
      EXPECT_EQ(without_ids(in_pieces(answer, size)), answer) << size;
    }
  }
}

TEST(EventIds, WhoGoesOnBehindAnEventGetsExactlyTheRest) {
  for (const std::string_view answer : kAnswers) {
    const std::string all = in_pieces(answer, answer.size());
    for (std::size_t at = 0; (at = all.find("id: ", at)) != std::string::npos; ++at) {
      const auto position =
          parse_event_id(std::string_view(all).substr(at + 4, all.find('\n', at) - at - 4));
      ASSERT_TRUE(position);
      const std::string rest = in_pieces(answer, 3, position->offset);
      EXPECT_EQ(without_ids(rest), answer.substr(position->offset));
      EXPECT_EQ(without_ids(all.substr(0, at)).find("half"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace outrigger::filters
