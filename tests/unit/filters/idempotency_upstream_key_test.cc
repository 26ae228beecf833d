#include "filters/idempotency/upstream_key.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <utility>

namespace outrigger::filters {
namespace {

constexpr std::array<std::uint8_t, 32> kStoreKey = {7};
constexpr RecordId kId = {1, 2, 3};

std::string told(const RequestKey& key, std::uint32_t generation = 0,
                 std::uint32_t max_length = 255, const RecordId& id = kId) {
  config::UpstreamKey policy;
  policy.max_length = max_length;
  return upstream_key(kStoreKey, id, key, generation, policy);
}
RequestKey client_key(std::string text) {
  return {KeySource::kHeader, std::move(text)};
}

TEST(UpstreamKey, IsTheClientsOwnWhereItFits) {
  const std::string hash = told({KeySource::kStep, "1:ab"});
  struct Row {
    RequestKey key;
    std::uint32_t generation, max_length;
    bool own;
  };
  const Row rows[] = {
      {client_key("order 7"), 0, 255, true},
      {{KeySource::kJson, "7"}, 0, 255, true},
      {client_key(std::string(36, 'k')), 0, 36, true},
      {client_key(std::string(37, 'k')), 0, 36, false},
      {client_key(std::string(255, 'k')), 0, 255, true},
      {client_key("order 7"), 1, 255, false},
      {{KeySource::kStep, "1:ab"}, 0, 255, false},
      {{KeySource::kInvocation, "uuid"}, 0, 255, false},
      {{KeySource::kLibrary, {}, 1}, 0, 255, false},
      // The upstream would read another key.
      {client_key(" 7"), 0, 255, false},
      {client_key("7 "), 0, 255, false},
      {client_key("\"7\""), 0, 255, false},
  };
  for (const Row& row : rows) {
    const std::string key = told(row.key, row.generation, row.max_length);
    EXPECT_EQ(key == row.key.text, row.own) << row.key.text << " " << key;
    if (!row.own && row.generation == 0) EXPECT_TRUE(hash.starts_with(key)) << key;
  }
}

TEST(UpstreamKey, IsOtherwiseAHashOfLowerCaseLettersAndDigits) {
  for (const std::uint32_t most : {0u, 16u, 36u, 40u, 52u, 64u, 255u}) {
    const std::string key = told({KeySource::kStep, "1:ab"}, 0, most);
    EXPECT_EQ(key.size(), std::clamp(most, 16u, 52u)) << most;
    EXPECT_EQ(key.find_first_not_of("abcdefghijklmnopqrstuvwxyz234567"), std::string::npos) << key;
  }
}

TEST(UpstreamKey, EachRecordAndGenerationHasItsOwn) {
  std::set<std::string> keys;
  for (std::uint8_t record = 0; record < 4; ++record) {
    for (std::uint32_t generation = 0; generation < 4; ++generation) {
      keys.insert(told({KeySource::kStep, "1:ab"}, generation, 16, {record}));
    }
  }
  EXPECT_EQ(keys.size(), 16u);
}

// After a crash the upstream must be told what it was told before.
TEST(UpstreamKey, StaysWhatItIs) {
  EXPECT_EQ(told({KeySource::kStep, "1:ab"}),
            "lurphexkieouyu3vvfrqghrcou5ww6e7npuqxje4wnzr4w6mx5iq");
  EXPECT_EQ(told(client_key("order 7"), 1), "yz24wf5fxsnqtgtjohmfiizxmrlbii5y4vmu2mte5qmi7zbspsna");
}

}  // namespace
}  // namespace outrigger::filters
