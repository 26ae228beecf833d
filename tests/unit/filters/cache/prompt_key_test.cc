#include "filters/cache/prompt_key.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "proxy/base/random.h"

namespace outrigger::filters {
namespace {

using Json = nlohmann::ordered_json;
using Lines = std::vector<std::pair<std::string, std::string>>;

struct Prompt {
  std::string target = "/v1/chat/completions";
  std::string body = R"({"model":"m","messages":[{"role":"user","content":"Hi"}]})";
  Lines lines = {};
  PromptPlace place = {.upstream = "openai", .owner = "alice"};
  config::Cache policy = {};
  std::string_view method = "POST";
};

std::expected<CacheKey, PromptBar> try_key(const Prompt& prompt) {
  http::RequestHead head;
  head.method = http::Method::kPost;
  head.method_text = prompt.method;
  head.target = prompt.target;
  head.headers.add("content-type", "application/json");
  for (const auto& [name, value] : prompt.lines) head.headers.set(name, value);
  return prompt_key(head, prompt.body, prompt.policy, prompt.place);
}

CacheKey key_of(const Prompt& prompt) {
  const auto key = try_key(prompt);
  EXPECT_TRUE(key) << prompt.body;
  return key.value_or(CacheKey{});
}

std::string refusal_of(const Prompt& prompt) {
  const auto key = try_key(prompt);
  return key ? "none" : std::string(to_string(key.error()));
}

// Real requests, with what is hard in them: numbers that are no doubles, text of all kinds.
const std::string kRequests[] = {
    R"({"model":"gpt-4o","messages":[{"role":"system","content":"Be brief."},{"role":"user",
"content":[{"type":"text","text":"What is \"this\"?\n\u00e9"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}}]}],
"temperature":0.0,"top_p":1,"seed":9007199254740993,"max_tokens":200,"stop":["\n\n"],"logit_bias":{"50256":-100},
"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","properties":{}}}},
"metadata":{"run":"7"},"stream":false,"stream_options":null,"unheard_of":{"a":[1,2,{"b":true}]}})",
    R"({"model":"claude","max_tokens":1024,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],
"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"text","text":"Hello"}]},{"role":"user","content":"?"}],
"thinking":{"type":"enabled","budget_tokens":1000},"tools":[{"name":"f","input_schema":{"type":"object"}}],"top_k":5})",
    R"({"contents":[{"role":"user","parts":[{"text":"Hi"}]}],"generationConfig":{"temperature":1e-1,"candidateCount":1},
"safetySettings":[{"category":"c","threshold":"t"}],"systemInstruction":{"parts":[{"text":"s"}]}})",
    R"({"model":"e","input":["a","b"],"encoding_format":"float","dimensions":256})",
};

// Calls `visit(pointer)` for every value below `json`.
template <class Visit>
void each_place(const Json& json, const std::string& at, Visit&& visit) {
  if (!at.empty()) visit(at);
  if (!json.is_structured()) return;
  for (const auto& [name, value] : json.items()) each_place(value, at + "/" + name, visit);
}

TEST(PromptKey, IsTheSameHoweverTheJsonIsWritten) {
  for (const std::string& text : kRequests) {
    const CacheKey key = key_of({.body = text});
    const Json json = Json::parse(text);
    EXPECT_EQ(key_of({.body = nlohmann::json::parse(R"({"a":"\u0048i","b":[1]})").dump()}),
              key_of({.body = " {\"\\u0062\" : [ 1 ] ,\n\t\"a\":\"Hi\"}\r\n"}));
    std::string spaced;  // white space where it means nothing
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '"' && (i == 0 || text[i - 1] != '\\')) quoted = !quoted;
      spaced += text[i];
      if (!quoted && std::string_view("{}[],:").contains(text[i])) spaced += " \n\t";
    }
    EXPECT_EQ(key_of({.body = spaced}), key) << text;
    // members the other way round
    const auto reversed = [](const auto& self, const Json& value) -> Json {
      if (!value.is_structured()) return value;
      if (value.is_array()) {
        Json out = Json::array();
        for (const Json& each : value) out.push_back(self(self, each));
        return out;
      }
      Json out = Json::object();
      for (auto it = value.rbegin(); it != value.rend(); ++it) out[it.key()] = self(self, *it);
      return out;
    };
    const std::string plain = json.dump();
    EXPECT_EQ(key_of({.body = reversed(reversed, json).dump()}), key_of({.body = plain})) << text;
  }
}

TEST(PromptKey, ChangesWithEveryValueOfTheBody) {
  for (const std::string& text : kRequests) {
    const Json json = Json::parse(text);
    std::set<CacheKey> keys = {key_of({.body = json.dump()})};
    std::size_t made = 1;
    each_place(json, "", [&](const std::string& at) {
      const Json::json_pointer place(at);
      Json changed = json;
      changed[place] = "another value";
      keys.insert(key_of({.body = changed.dump()}));
      Json longer = json;
      Json& parent = longer[place.parent_pointer()];
      if (parent.is_object()) {
        Json without = json;
        without[place.parent_pointer()].erase(place.back());
        keys.insert(key_of({.body = without.dump()}));
        parent["new " + place.back()] = nullptr;
        keys.insert(key_of({.body = longer.dump()}));
        made += 2;
      }
      made += 1;
    });
    EXPECT_EQ(keys.size(), made) << text;
  }
}

TEST(PromptKey, TellsNumbersApartByTheirText) {
  std::set<CacheKey> keys;
  for (const std::string_view number : {"0", "0.0", "0e0", "-0", "1", "1.0", "10e-1", "true",
                                        "\"1\"", "9007199254740992", "9007199254740993"}) {
    keys.insert(key_of({.body = std::string(R"({"temperature":)").append(number) + "}"}));
  }
  EXPECT_EQ(keys.size(), 11u);
}

TEST(PromptKey, LeavesOutWhatThePolicyIgnores) {
  config::Cache policy;
  policy.ignore = {"/metadata/run", "/user"};
  const auto with = [&](std::string body) {
    return key_of({.body = std::move(body), .policy = policy});
  };
  const CacheKey key = with(R"({"model":"m","metadata":{"run":"1","kind":"k"},"user":"a"})");
  EXPECT_EQ(with(R"({"model":"m","metadata":{"run":2,"kind":"k"},"user":{"b":[]}})"), key);
  EXPECT_EQ(with(R"({"model":"m","metadata":{"kind":"k"}})"), key);
  EXPECT_NE(with(R"({"model":"m","metadata":{"run":"1","kind":"l"},"user":"a"})"), key);
  EXPECT_NE(with(R"({"model":"m","metadata":{"run":"1","kind":"k"},"x":{"user":"a"}})"), key);
}

TEST(PromptKey, KeepsStreamsApartEvenWhereTheirMarkIsIgnored) {
  config::Cache policy;
  policy.ignore = {"/user", "/stream"};
  const auto with = [&](std::string body, Lines lines = {}) {
    return key_of({.body = std::move(body), .lines = std::move(lines), .policy = policy});
  };
  EXPECT_NE(with(R"({"a":1,"stream":true})"), with(R"({"a":1,"stream":false})"));
  EXPECT_NE(with(R"({"a":1,"stream":true})"), with(R"({"a":1})"));
  EXPECT_NE(with(R"({"a":1,"stream":false})"), with(R"({"a":1})"));  // Ollama streams by default
  EXPECT_NE(with(R"({"a":1,"\u0073tream":true})"), with(R"({"a":1,"stream":false})"));
  EXPECT_EQ(with(R"({"a":1,"user":"a"})"), with(R"({"a":1,"user":"b"})"));
  EXPECT_NE(with(R"({"a":1})", {{"accept", "text/event-stream"}}), with(R"({"a":1})"));
  const auto at = [&](std::string target) { return key_of({.target = std::move(target)}); };
  EXPECT_NE(at("/v1beta/models/g:generateContent"), at("/v1beta/models/g:streamGenerateContent"));
  EXPECT_NE(at("/v1beta/models/g:streamGenerateContent"),
            at("/v1beta/models/g:streamGenerateContent?alt=sse"));
  EXPECT_NE(at("/model/m/converse"), at("/model/m/converse-stream"));
}

TEST(PromptKey, ChangesWithWhatIsNotInTheBody) {
  const CacheKey key = key_of({});
  const Prompt others[] = {
      {.target = "/v1/chat/completions?api-version=2025-01-01"},
      {.target = "/v2/chat/completions"},
      {.place = {.upstream = "azure", .owner = "alice"}},
      {.place = {.upstream = "openai", .owner = "bob"}},
      {.place = {.upstream = "openaialice", .owner = ""}},
      {.place = {.upstream = "openai", .owner = "alice", .sample = 1}},
      {.method = "PUT"},
  };
  std::set<CacheKey> keys = {key};
  for (const Prompt& other : others) keys.insert(key_of(other));
  EXPECT_EQ(keys.size(), 1 + std::size(others));
  EXPECT_EQ(key_of({}), key);
}

TEST(PromptKey, LeavesTheCredentialOfTheQueryOut) {
  const auto at = [](std::string target) { return key_of({.target = std::move(target)}); };
  EXPECT_EQ(at("/v1beta/models/g:generateContent?key=a"),
            at("/v1beta/models/g:generateContent?key=b"));
  EXPECT_NE(at("/v1beta/models/g:generateContent?key=a&alt=json"),
            at("/v1beta/models/g:generateContent?key=a&alt=media"));
}

TEST(PromptKey, CountsTheHeadersThatShapeAnswers) {
  const CacheKey key = key_of({});
  for (const std::string_view name : {"anthropic-version",
                                      "Anthropic-Beta",
                                      "openai-organization",
                                      "OpenAI-Project",
                                      "openai-beta",
                                      "x-goog-user-project",
                                      "accept-language",
                                      "some-new-beta",
                                      "x-new-version",
                                      "x-amzn-bedrock-guardrailidentifier",
                                      "x-amzn-bedrock-performanceconfig-latency",
                                      "extra-parameters",
                                      "azureml-model-deployment",
                                      "x-goog-request-params",
                                      "x-portkey-config",
                                      "x-portkey-provider",
                                      "x-portkey-virtual-key",
                                      "x-new-betas",
                                      "x-goog-fieldmask",
                                      "mcp-session-id",
                                      "prefer"}) {
    const CacheKey one = key_of({.lines = {{std::string(name), "one"}}});
    EXPECT_NE(one, key) << name;
    EXPECT_NE(one, key_of({.lines = {{std::string(name), "two"}}})) << name;
  }
  EXPECT_NE(key_of({.lines = {{"accept", "text/csv"}}}), key);
  EXPECT_NE(key_of({.lines = {{"content-type", "application/vnd.x+json"}}}), key);
}

TEST(PromptKey, DoesNotCountTheHeadersThatDoNot) {
  const CacheKey key = key_of({});
  const Lines lines = {{"authorization", "Bearer x"},
                       {"x-api-key", "k"},
                       {"user-agent", "OpenAI/Python 2"},
                       {"x-goog-api-client", "gl-node/20"},
                       {"x-stainless-package-version", "6.49.0"},
                       {"x-stainless-runtime-version", "v20"},
                       {"x-stainless-retry-count", "1"},
                       {"x-fern-sdk-version", "8"},
                       {"x-some-sdk-version", "1"},
                       {"x-some-client-version", "1"},
                       {"x-some-app-version", "1"},
                       {"x-some-package-version", "1"},
                       {"x-some-runtime-version", "1"},
                       {"sec-websocket-version", "13"},
                       {"x-fern-version", "1"},
                       {"x-stainless-version", "1"},
                       {"traceparent", "00-1-2-01"},
                       {"x-request-id", "7"},
                       {"content-length", "57"},
                       {"accept", "application/json, */*;q=0.5"},
                       {"accept-encoding", "gzip"},
                       {"accept-language", "*"},
                       {"content-type", "application/json; charset=utf-8"},
                       {"cache-control", "max-age=5"},
                       {"cookie", ""},
                       {"http-referer", "https://a.example"},
                       {"x-title", "t"}};
  for (const auto& line : lines) EXPECT_EQ(key_of({.lines = {line}}), key) << line.first;
}

TEST(PromptKey, CountsTheHeadersOfThePolicy) {
  config::Cache policy;
  policy.headers = {"x-tenant", "x-stainless-lang"};
  const CacheKey key = key_of({.policy = policy});
  for (const std::string_view name : {"X-Tenant", "x-stainless-lang"}) {
    const CacheKey one = key_of({.lines = {{std::string(name), "1"}}, .policy = policy});
    EXPECT_NE(one, key) << name;
    EXPECT_NE(one, key_of({.lines = {{std::string(name), "2"}}, .policy = policy})) << name;
  }
}

TEST(PromptKey, DoesNotDependOnTheOrderOfHeadersNorOnTheCaseOfTheirNames) {
  EXPECT_EQ(key_of({.lines = {{"anthropic-version", "1"}, {"anthropic-beta", "2"}}}),
            key_of({.lines = {{"Anthropic-Beta", "2"}, {"ANTHROPIC-VERSION", "1"}}}));
  EXPECT_NE(key_of({.lines = {{"anthropic-version", "1"}, {"anthropic-beta", "2"}}}),
            key_of({.lines = {{"anthropic-version", "2"}, {"anthropic-beta", "1"}}}));
}

TEST(PromptKey, HasNoneForWhatCannotBeCompared) {
  struct Row {
    std::string_view body, wanted;
    Lines lines = {};
  };
  const Row rows[] = {
      {R"({"a":1})", "none"},
      {R"({"a":1,"a":2})", "ambiguous"},
      {R"({"a":1)", "ambiguous"},
      {"", "ambiguous"},
      {R"({"a":"\ud800"})", "ambiguous"},
      {"{\"a\":\"\xff\"}", "ambiguous"},
      {R"({"a":1})", "not_json", {{"content-type", "text/plain"}}},
      {R"({"a":1})", "not_json", {{"content-type", "multipart/form-data; boundary=x"}}},
      {R"({"a":1})", "coded_body", {{"content-encoding", "gzip"}}},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(refusal_of({.body = std::string(row.body), .lines = row.lines}), row.wanted)
        << row.body;
  }
  std::string body = "{\"a\":\"\"}";
  body.insert(6, kLargestPrompt - body.size(), 'x');
  EXPECT_EQ(refusal_of({.body = body}), "none");
  EXPECT_EQ(refusal_of({.body = body + " "}), "too_large");
}

TEST(PromptKey, TakesAnyBytes) {
  Random random(20);
  for (int i = 0; i < 3000; ++i) {
    Prompt prompt;
    prompt.body = kRequests[random.below(std::size(kRequests))];
    for (std::uint64_t edits = random.below(8) + 1; edits > 0; --edits) {
      prompt.body[random.below(prompt.body.size())] = static_cast<char>(random.below(256));
    }
    prompt.lines = {{"accept", prompt.body.substr(0, 40)}};
    static_cast<void>(try_key(prompt));
  }
}

}  // namespace
}  // namespace outrigger::filters
