#include "filters/intake/request_facts.h"

#include <gtest/gtest.h>

#include "proxy/base/random.h"

namespace outrigger::filters {
namespace {

using State = ModelSearch::State;

TEST(FindModel, FollowsItsTable) {
  struct Row {
    std::string_view body;
    State state;
    std::string_view model = {};
  };
  constexpr Row kRows[] = {
      // OpenAI, Anthropic: the first member as their libraries write it
      {R"({"model":"gpt-5","messages":[]})", State::kFound, "gpt-5"},
      {R"({"messages":[{"role":"user","content":"\"model\":\"no\""}],"model":"claude-4"})",
       State::kFound, "claude-4"},
      {"\xef\xbb\xbf \r\n\t{ \"model\" : \"a\" }", State::kFound, "a"},
      // only the top level counts
      {R"({"tools":[{"model":"inner"}],"x":{"model":"inner"}})", State::kAbsent},
      {R"({"a":{"b":[{"c":"}]"}]},"n":-1.5e3,"t":true,"z":null,"model":"m"})", State::kFound, "m"},
      // escapes
      {R"({"model":"ft:gpt\/x\u002dy\\\""})", State::kFound, "ft:gpt/x-y\\\""},
      {R"({"model":"caf\u00e9"})", State::kAbsent},
      {"{\"model\":\"caf\xc3\xa9\"}", State::kAbsent},
      {R"({"model":"a\nb"})", State::kAbsent},
      {R"({"model":"\u12"})", State::kAbsent},
      // not a name
      {R"({"model":""})", State::kAbsent},
      {R"({"model":null})", State::kAbsent},
      {R"({"model":{"id":"x"}})", State::kAbsent},
      {R"({"model":["x"]})", State::kAbsent},
      {R"({"Model":"x"})", State::kAbsent},
      // no object
      {"[]", State::kAbsent},
      {"\"model\"", State::kAbsent},
      {"model=gpt-5", State::kAbsent},
      {"{}", State::kAbsent},
      {"{model:\"x\"}", State::kAbsent},
      // cut
      {"", State::kMore},
      {"  ", State::kMore},
      {"{", State::kMore},
      {R"({"mod)", State::kMore},
      {R"({"model")", State::kMore},
      {R"({"model":)", State::kMore},
      {R"({"model":"gpt)", State::kMore},
      {R"({"model":"gpt\)", State::kMore},
      {R"({"messages":[{"content":"long)", State::kMore},
      {R"({"n":12)", State::kMore},
      {R"({"n":12,)", State::kMore},
  };
  for (const Row& row : kRows) {
    const ModelSearch search = find_model(row.body);
    EXPECT_EQ(search.state, row.state) << row.body;
    EXPECT_EQ(search.model, row.model) << row.body;
  }
}

TEST(FindModel, WhateverIsKnownOfAPrefixHoldsForTheWhole) {
  constexpr std::string_view kBody =
      R"({"messages":[{"content":"say \"model\": \\ {[ "},[1,2]],"n":1.5,"model":"gpt-5","x":{}})";
  for (std::size_t size = 0; size <= kBody.size(); ++size) {
    const ModelSearch search = find_model(kBody.substr(0, size));
    EXPECT_NE(search.state, State::kAbsent) << size;
    if (search.state == State::kFound) EXPECT_EQ(search.model, "gpt-5");
  }
}

TEST(FindModel, LooksNoFurtherThanItsPrefix) {
  const std::string longest(kLongestModel, 'm');
  EXPECT_EQ(find_model("{\"model\":\"" + longest + "\"}").model, longest);
  EXPECT_EQ(find_model("{\"model\":\"" + longest + "m\"}").state, State::kAbsent);
  const std::string deep = "{\"a\":" + std::string(100'000, '[');
  EXPECT_EQ(find_model(deep).state, State::kMore);
  const std::string late = "{\"a\":\"" + std::string(kModelPrefix, ' ') + "\",\"model\":\"m\"}";
  EXPECT_EQ(find_model(late).state, State::kMore);
}

TEST(FindModel, TakesAnyBytes) {
  Random random(9);
  constexpr std::string_view kParts[] = {"{", "}",    "[",     "]",         "\"", "\\",
                                         ":", ",",    "model", "\"model\"", " ",  "\\u00",
                                         "1", "\xff", "\\\"",  "x"};
  for (int i = 0; i < 200'000; ++i) {
    std::string text = random.below(2) == 0 ? "{" : "";
    for (std::uint64_t n = random.below(16); n > 0; --n) {
      text += kParts[random.below(std::size(kParts))];
    }
    const ModelSearch search = find_model(text);
    EXPECT_EQ(search.state == State::kFound, !search.model.empty()) << text;
  }
}

// llm 2.4: Gemini and Vertex, Azure OpenAI, Bedrock.
TEST(ModelOfTarget, ReadsThePathsOfProviders) {
  struct Row {
    std::string_view target, model;
  };
  constexpr Row kRows[] = {
      {"/v1beta/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro"},
      {"/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", "gemini-2.5-pro"},
      {"/v1/projects/p/locations/l/publishers/google/models/gemini-2.5:predict", "gemini-2.5"},
      {"/openai/deployments/my-gpt/chat/completions?api-version=1", "my-gpt"},
      {"/model/anthropic.claude-v2/invoke", "anthropic.claude-v2"},
      {"/model/us.meta%3Ax/converse-stream", "us.meta%3Ax"},
      {"/v1/models/gpt-5", ""},
      {"/v1/chat/completions", ""},
      {"/v1beta/models/a/b:generateContent", ""},
      {"/x?y=/model/z/invoke", ""},
      {"", ""},
  };
  for (const Row& row : kRows) EXPECT_EQ(model_of_target(row.target), row.model) << row.target;
}

TEST(NeedsModel, WhereABreakerOrARuleIsKeyedByIt) {
  config::Policies policies;
  EXPECT_FALSE(needs_model(policies));
  policies.circuit_breaker->key = {config::BreakerKey::kEndpoint, config::BreakerKey::kModel};
  EXPECT_TRUE(needs_model(policies));
  policies.circuit_breaker.reset();
  EXPECT_FALSE(needs_model(policies));
  policies.classify.emplace_back().scope = config::Scope::kModel;
  EXPECT_TRUE(needs_model(policies));
}

// The vectors of the paper's appendix and reference code: key 00..0f, input 00 01 02 ...
TEST(SipHash, GivesTheValuesOfItsPaper) {
  const SipKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  std::string input;
  for (char c = 0; c < 15; ++c) input += c;
  EXPECT_EQ(siphash(key, input), 0xa129ca6149be45e5);
  EXPECT_EQ(siphash(key, ""), 0x726fdb47dd0e0e31);
  EXPECT_EQ(siphash(key, input.substr(0, 1)), 0x74f839c593dc67fd);
  EXPECT_EQ(siphash(key, input.substr(0, 8)), 0x93f5f5799a932462);
  EXPECT_NE(siphash({1, 2}, input), siphash(key, input));
}

TEST(CredentialOf, IsOfTheFirstThatThereIs) {
  const SipKey key{1, 2};
  http::RequestHead head;
  head.target = "/v1/models?alt=sse&key=AIza";
  const std::uint64_t of_query = credential_of(head, key);
  EXPECT_NE(of_query, 0u);
  for (const std::string_view name : {"x-goog-api-key", "api-key", "x-api-key", "Authorization"}) {
    const std::uint64_t before = credential_of(head, key);
    head.headers.add(name, std::string("secret of ").append(name));
    EXPECT_NE(credential_of(head, key), before) << name;
  }
  EXPECT_NE(credential_of(head, {3, 4}), credential_of(head, key));
  const http::RequestHead none;
  EXPECT_EQ(credential_of(none, key), 0u);
  http::RequestHead other;
  other.target = "/v1?monkey=x&keys=y&key";
  EXPECT_EQ(credential_of(other, key), 0u);
}

}  // namespace
}  // namespace outrigger::filters
