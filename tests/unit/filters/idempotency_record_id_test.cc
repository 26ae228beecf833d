#include "filters/idempotency/record_id.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <set>
#include <string>
#include <utility>

#include "filters/sign/sigv4.h"

namespace outrigger::filters {
namespace {

using config::KeyOwner;
using Lines = std::initializer_list<std::pair<std::string_view, std::string_view>>;

constexpr std::array<std::uint8_t, 32> kKey = {1, 2, 3};
constexpr std::array<std::uint8_t, 32> kOtherKey = {1, 2, 4};

Owner owner(KeyOwner kind, Lines lines, std::string_view certificate = {},
            std::string_view owner_header = "x-agent-id", StoreKey key = kKey) {
  config::Idempotency policy;
  policy.owner = kind;
  policy.owner_header = owner_header;
  http::RequestHead head;
  head.target = "/v1";
  for (const auto& [name, value] : lines) head.headers.add(name, value);
  return owner_of(key, policy.owner, policy.owner_header, head, certificate);
}

TEST(OwnerOf, FollowsItsTable) {
  constexpr std::string_view kCertificate = "CN=agent";
  const std::string credential = owner(KeyOwner::kCredential, {{"Authorization", "secret"}}).text;
  struct Row {
    KeyOwner kind;
    Lines lines;
    std::string_view certificate;
    std::string_view wanted;
  };
  const Row rows[] = {
      {KeyOwner::kCredential, {{"x-api-key", "secret"}}, {}, credential},
      {KeyOwner::kCredential, {}, kCertificate, "nobody"},
      {KeyOwner::kCredential, {{"authorization", ""}}, {}, "nobody"},
      {KeyOwner::kCertificate, {{"authorization", "secret"}}, kCertificate, "certificate:CN=agent"},
      {KeyOwner::kCertificate, {{"authorization", "secret"}}, {}, credential},
      {KeyOwner::kCertificate, {}, {}, "nobody"},
      {KeyOwner::kHeader, {{"X-Agent-Id", "7"}, {"api-key", "secret"}}, {}, "header:7"},
      {KeyOwner::kHeader, {{"X-Agent-Id", "7"}, {"x-agent-id", "8"}}, {}, "header:7, 8"},
      {KeyOwner::kHeader, {{"X-Agent-Id", ""}, {"x-goog-api-key", "secret"}}, {}, credential},
      {KeyOwner::kHeader, {}, kCertificate, "nobody"},
      {KeyOwner::kAnyone, {{"authorization", "secret"}}, kCertificate, "anyone"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(owner(row.kind, row.lines, row.certificate).text, row.wanted) << row.wanted;
  }
}

TEST(OwnerOf, KeepsNoCredential) {
  for (const std::string_view name : {"authorization", "x-api-key", "x-session-token"}) {
    const Owner of = owner(KeyOwner::kHeader, {{name, "secret"}}, {}, name);
    EXPECT_TRUE(of.text.starts_with("credential:")) << name;
    EXPECT_FALSE(of.text.contains("secret")) << name;
    EXPECT_NE(of.text, owner(KeyOwner::kHeader, {{name, "secret"}}, {}, name, kOtherKey).text)
        << "whoever has not the store's key can try credentials for ever";
  }
}

TEST(OwnerOf, NobodyTakesTheNameOfAnother) {
  const std::string credential = owner(KeyOwner::kCredential, {{"authorization", "secret"}}).text;
  const Owner owners[] = {
      owner(KeyOwner::kAnyone, {}),
      owner(KeyOwner::kCredential, {}),
      owner(KeyOwner::kCredential, {{"authorization", "secret"}}),
      owner(KeyOwner::kHeader, {{"x-agent-id", "anyone"}}),
      owner(KeyOwner::kHeader, {{"x-agent-id", "nobody"}}),
      owner(KeyOwner::kHeader, {{"x-agent-id", credential}}),
      owner(KeyOwner::kHeader, {{"x-agent-id", "CN=a"}}),
      owner(KeyOwner::kCertificate, {}, "CN=a"),
  };
  std::set<std::string> texts;
  std::set<OwnerTag> tags;
  for (const Owner& each : owners) {
    texts.insert(each.text);
    tags.insert(each.tag);
  }
  EXPECT_EQ(texts.size(), std::size(owners));
  EXPECT_EQ(tags.size(), std::size(owners));
}

TEST(RecordIdOf, NoTwoKeysHaveOne) {
  const Owner anyone = owner(KeyOwner::kAnyone, {});
  const Owner nobody = owner(KeyOwner::kCredential, {});
  std::set<RecordId> ids = {
      record_id(kKey, "openai", anyone, KeySource::kHeader, "k"),
      record_id(kOtherKey, "openai", anyone, KeySource::kHeader, "k"),
      record_id(kKey, "openai2", anyone, KeySource::kHeader, "k"),
      record_id(kKey, "openai", nobody, KeySource::kHeader, "k"),
      record_id(kKey, "openai", anyone, KeySource::kHeader, "k2"),
      record_id(kKey, "openaia", {"nyone", anyone.tag}, KeySource::kHeader, "k"),
      record_id(kKey, "openai", {"anyoneheader", anyone.tag}, KeySource::kHeader, "k"),
  };
  EXPECT_EQ(ids.size(), 7u);
  for (const KeySource source :
       {KeySource::kJson, KeySource::kStep, KeySource::kInvocation, KeySource::kLibrary}) {
    EXPECT_TRUE(ids.insert(record_id(kKey, "openai", anyone, source, "k")).second)
        << to_string(source);
  }
}

// They are on disks: others would let what was executed be executed again.
TEST(RecordIdOf, StaysWhatItIs) {
  const Owner of = owner(KeyOwner::kCredential, {{"authorization", "Bearer secret"}});
  EXPECT_EQ(of.text, "credential:d5f45c8f89c86248d650d3c9ff68dc53668d056b6fe457ee8e1abeb0406bb9e9");
  EXPECT_EQ(to_hex(text_of(of.tag)), "eb1bbb04a5e6e1a13706f6e9c93ed906");
  EXPECT_EQ(to_hex(text_of(record_id(kKey, "openai", of, KeySource::kHeader, "k"))),
            "931b46fb80bae64f3f8fd4e1bedafbe62e7c3c8670e1dff7f312a6e67a62bcde");
}

// Checked against another implementation (Python hmac).
TEST(KeyedDigest, IsHmacSha256OfPartsBehindTheirLengths) {
  EXPECT_EQ(to_hex(text_of(keyed_digest(kKey, "label", {"a"}))),
            "b225d82f1bfe605c7718ba3a811e8330d9e9342457e225140ec0efc8c3231e9d");
}

}  // namespace
}  // namespace outrigger::filters
