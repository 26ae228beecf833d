#include "filters/cache/invalidation.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/filters/cache/page_texts.h"

namespace outrigger::filters {
namespace {

using Targets = std::vector<std::string>;

constexpr WriteRequest kWrite{http::Method::kPost, "https", "api.example:443", "/a/b/c?x=1"};

Targets targets(const FieldTexts& fields, const WriteRequest& request = kWrite, int status = 200) {
  return invalidated_targets(request, answer_of(status, fields));
}

// RFC 9111 4.4; cache-tests invalidation
TEST(Invalidation, AWriteThatWentWellMakesItsUrlOutOfDate) {
  using http::Method;
  for (const Method method :
       {Method::kPost, Method::kPut, Method::kDelete, Method::kPatch, Method::kOther}) {
    const WriteRequest request{method, "", "h", "/a"};
    for (const int status : {200, 201, 204, 299, 301, 303, 399}) {
      EXPECT_EQ(targets({}, request, status), Targets{"/a"}) << status;
    }
    for (const int status : {101, 199, 400, 404, 500, 503}) {
      EXPECT_EQ(targets({{"Location", "/b"}}, request, status), Targets{}) << status;
    }
  }
  for (const Method method : {Method::kGet, Method::kHead, Method::kOptions, Method::kTrace}) {
    EXPECT_EQ(targets({{"Location", "/b"}}, {method, "", "h", "/a"}), Targets{});
  }
  EXPECT_EQ(targets({}, {Method::kConnect, "", "h:1", "h:1"}), Targets{});
}

// RFC 3986 5.2, 5.4
TEST(Invalidation, TakesLocationsFromWhereTheyAreMeant) {
  const std::pair<std::string, std::string> kRows[] = {
      {"/d", "/d"},
      {"d", "/a/b/d"},
      {"d?y=2", "/a/b/d?y=2"},
      {"./d", "/a/b/d"},
      {"../d", "/a/d"},
      {"../../../d", "/d"},
      {"..", "/a/"},
      {".", "/a/b/"},
      {"/d/./e/../f/", "/d/f/"},
      {"/d/..", "/"},
      {"?y=2", "/a/b/c?y=2"},
      {"/d#part", "/d"},
      {"https://api.example/d", "/d"},
      {"HTTPS://API.example:443/d?y", "/d?y"},
      {"https://api.example", "/"},
      {"https://api.example?y=2", "/?y=2"},
      {"//api.example/d", "/d"},
      {"/d?u=http://other/../x", "/d?u=http://other/../x"},
  };
  for (const auto& [reference, target] : kRows) {
    EXPECT_EQ(targets({{"Location", reference}}), (Targets{"/a/b/c?x=1", target})) << reference;
    EXPECT_EQ(targets({{"Content-Location", reference}}), (Targets{"/a/b/c?x=1", target}));
  }
  EXPECT_EQ(targets({{"Location", "/d"}, {"Content-Location", "/e"}, {"location", "/d"}}),
            (Targets{"/a/b/c?x=1", "/d", "/e"}));
}

// 4.4: MUST NOT where the origin differs
TEST(Invalidation, NoServerSpeaksForAnother) {
  for (const std::string reference :
       {"https://other.example/d", "https://api.example:8443/d", "http://api.example/d",
        "//other.example/d", "https://api.example@other.example/d", "https:///d", "https://",
        "ftp://api.example/d", "mailto:a@api.example", "https:d", "", "#part"}) {
    EXPECT_EQ(targets({{"Location", reference}}), Targets{"/a/b/c?x=1"}) << reference;
  }
  // Of a scheme that is not known either will do, with its own port.
  const WriteRequest plain{http::Method::kPost, "", "api.example", "/a"};
  EXPECT_EQ(targets({{"Location", "http://api.example:80/d"}}, plain).size(), 2u);
  EXPECT_EQ(targets({{"Location", "https://api.example:443/d"}}, plain).size(), 2u);
  EXPECT_EQ(targets({{"Location", "https://api.example:80/d"}}, plain).size(), 1u);
  EXPECT_EQ(targets({{"Location", "http://api.example/d"}}, {http::Method::kPost, "", "", "/a"}),
            Targets{"/a"});
}

TEST(Invalidation, EveryTargetIsAPathWithoutDots) {
  std::mt19937 random(12);
  constexpr std::string_view kBytes = "/././../..a:?#@";
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (std::size_t i = random() % 14; i > 0; --i) text += kBytes[random() % kBytes.size()];
    for (const std::string& target : targets({{"Location", text}})) {
      const std::string path = target.substr(0, target.find('?')) + "/";
      EXPECT_TRUE(path.starts_with('/')) << text;
      EXPECT_EQ(path.find("/../"), std::string::npos) << text;
      EXPECT_EQ(path.find("/./"), std::string::npos) << text;
    }
  }
}

}  // namespace
}  // namespace outrigger::filters
