// What the scenarios of the cache share: prompts and pages, who gave an answer, and what a stored
// one has to be.
#pragma once

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>

#include "tests/integration/scenario.h"

namespace outrigger::test {

inline constexpr const char* kChatPath = "/v1/chat/completions";
inline constexpr const char* kHello =
    "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
    "\"Hello\"},\"finish_reason\":null}]}\n\n";
inline constexpr const char* kStop =
    "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{},"
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}\n\n";
inline constexpr const char* kDone = "data: [DONE]\n\n";

inline std::string chat(const std::string& words, const std::string& members = {}) {
  return fmt::format(R"({{"model":"m",{}"messages":[{{"role":"user","content":"{}"}}]}})", members,
                     words);
}
inline std::string chat_answer(const std::string& text, const std::string& reason = "stop") {
  return fmt::format(
      R"({{"object":"chat.completion","choices":[{{"index":0,"message":{{"role":"assistant",)"
      R"("content":"{}"}},"finish_reason":"{}"}}],)"
      R"("usage":{{"prompt_tokens":7,"completion_tokens":3}}}})",
      text, reason);
}
inline Request prompt(const std::string& target, const std::string& body, Fields more = {}) {
  more.emplace_back("content-type", "application/json");
  return post(target, body, std::move(more));
}
inline Request of_method(const std::string& method, Request request) {
  request.method = method;
  return request;
}
inline const Fields kJson = {{"content-type", "application/json"}};
inline Fields fresh_for(int seconds, Fields more = {}) {
  more.emplace_back("cache-control", fmt::format("max-age={}", seconds));
  return more;
}
// Out of date before it comes: a minute fresh, and older than that.
inline Fields stale(Fields more = {}, const std::string& control = {}) {
  more.emplace_back("cache-control", "max-age=60" + control);
  more.emplace_back("age", "100");
  return more;
}

// Our own line: those before it are of caches nearer to the upstream (RFC 9211 2).
inline std::string cache_status(const Response& answer) {
  const std::vector<std::string> lines = values_of(answer.headers, "cache-status");
  return lines.empty() ? "" : lines.back();
}
inline bool is_hit(const Response& answer) {
  return cache_status(answer).starts_with("outrigger; hit");
}
inline std::string source_of(const Response& answer) {
  return value_of(answer.headers, "outrigger-source");
}

// The fields that say something of the answer, and not of one connection or one request.
inline Fields kept_fields(const Response& answer) {
  constexpr std::array kOnes = {"via",        "content-length", "transfer-encoding",
                                "connection", "keep-alive",     "date",
                                "age",        "cache-status"};
  Fields kept;
  for (auto [name, value] : answer.headers) {
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    if (std::ranges::find(kOnes, name) != kOnes.end()) continue;
    if (name.starts_with("outrigger-") || name == "x-accel-buffering") continue;
    kept.emplace_back(std::move(name), std::move(value));
  }
  std::ranges::sort(kept);
  return kept;
}

// The first one's answer, byte for byte, out of the store, which says so.
inline void expect_stored(const Response& again, const Response& first) {
  EXPECT_TRUE(again.complete) << again.failure;
  EXPECT_EQ(again.status, first.status);
  EXPECT_TRUE(again.body == first.body) << again.body.substr(0, 300);
  EXPECT_EQ(kept_fields(again), kept_fields(first));
  EXPECT_EQ(source_of(again), "cache");
  EXPECT_TRUE(cache_status(again).starts_with("outrigger; hit; ttl=")) << cache_status(again);
  EXPECT_EQ(values_of(again.headers, "age").size(), 1u);
  EXPECT_NE(value_of(again.headers, "outrigger-request-id"),
            value_of(first.headers, "outrigger-request-id"));
}

class Cached : public Scenario {
 protected:
  // Serves prompts of OpenAI's chat and pages as "/up/..." with `cache: {...}` and these keys.
  void serve_cached(const std::string& cache = "ttl: 1h", const std::string& keys = {}) {
    serve(cached(cache, keys));
  }
  static std::string cached(const std::string& cache = "ttl: 1h", const std::string& keys = {}) {
    return fmt::format("replay: safe, dialect: openai, cache: {{{}}}{}{}", cache,
                       keys.empty() ? "" : ", ", keys);
  }
  static std::string protocol() {
    return h2_upstream() ? ", protocol: http2" : ", protocol: http1";
  }
  static std::string chat_target() { return std::string("/up") + kChatPath; }
  Response ask_chat(const std::string& body, Fields more = {}) {
    return ask(prompt(chat_target(), body, std::move(more)));
  }
  Script& expect_chat() { return upstream.expect(std::string("POST ") + kChatPath); }
  // So often came that of a request, of all upstreams.
  double outcomes(const std::string& result) {
    return proxy().metric_sum("outrigger_cache_requests_total", "result=\"" + result + "\"");
  }
  double saved(const std::string& type) {
    return proxy().metric_sum("outrigger_tokens_saved_total", "type=\"" + type + "\"");
  }
  // Waits until what is stored for that request is out of date, and is not given any more.
  void wait_until_stale(Request request) {
    request.headers.emplace_back("cache-control", "only-if-cached");
    EXPECT_TRUE(eventually([&] { return ask(request).status == 504; }));
  }
};

}  // namespace outrigger::test
