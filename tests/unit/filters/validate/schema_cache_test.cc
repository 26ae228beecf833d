#include "filters/validate/schema_cache.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace outrigger::filters {
namespace {

using Written = config::JsonSchema::Written;

TEST(SchemaCache, CompilesASchemaOnce) {
  SchemaCache cache;
  const auto first = cache.get(R"({"type":"object"})", Written::kInRequest);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(cache.get(R"({"type":"object"})", Written::kInRequest), first);
  EXPECT_NE(cache.get(R"({"type":"object"})", Written::kAsOpenApi), first);
  EXPECT_EQ(cache.size(), 2u);
}

TEST(SchemaCache, RemembersWhatCannotBeCompiled) {
  SchemaCache cache;
  EXPECT_EQ(cache.get("{", Written::kInRequest), nullptr);
  EXPECT_EQ(cache.get("{", Written::kInRequest), nullptr);
  EXPECT_EQ(cache.size(), 1u);
}

TEST(SchemaCache, ForgetsWhatWasNotUsedForLongest) {
  SchemaCache cache;
  const auto kept = cache.get("true", Written::kInRequest);
  for (std::size_t i = 0; i < 3 * SchemaCache::kMostEntries; ++i) {
    (void)cache.get(fmt::format(R"({{"minimum":{}}})", i), Written::kInRequest);
    EXPECT_EQ(cache.get("true", Written::kInRequest), kept);
  }
  EXPECT_EQ(cache.size(), SchemaCache::kMostEntries);
}

TEST(SchemaCache, KeepsBoundedTexts) {
  SchemaCache cache;
  for (int i = 0; i < 100; ++i) {
    const std::string note(200 * 1024, static_cast<char>('a' + i % 26));
    (void)cache.get(fmt::format(R"({{"title":"{}{}"}})", i, note), Written::kInRequest);
  }
  EXPECT_LE(cache.size(), SchemaCache::kMostBytes / (200 * 1024));
}

}  // namespace
}  // namespace outrigger::filters
