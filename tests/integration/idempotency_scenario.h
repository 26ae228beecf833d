// What the scenarios of idempotency keys share: requests with a key, what a replay has to be, and
// clients of both protocols against one scripted upstream.
#pragma once

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "tests/integration/scenario.h"

namespace outrigger::test {

inline Request keyed(const std::string& target, const std::string& key,
                     const std::string& body = "{}", Fields more = {}) {
  more.emplace_back("Idempotency-Key", key);
  more.emplace_back("content-type", "application/json");
  return post(target, body, std::move(more));
}

// The fields that are the upstream's own, and not of one connection or one request.
inline Fields lasting_fields(const Response& answer) {
  Fields kept;
  for (auto [name, value] : answer.headers) {
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    constexpr std::array kOurs = {
        "via",        "content-length",      "transfer-encoding",   "connection",
        "keep-alive", "idempotent-replayed", "idempotency-expires", "x-accel-buffering"};
    if (std::ranges::find(kOurs, name) != kOurs.end() || name.starts_with("outrigger-")) continue;
    kept.emplace_back(std::move(name), std::move(value));
  }
  return kept;
}

inline bool is_marked(const Response& answer) {
  return value_of(answer.headers, "idempotent-replayed") == "true";
}

// Another request's answer, byte for byte, that says whose it is.
inline void expect_shared(const Response& again, const Response& first) {
  EXPECT_TRUE(again.complete) << again.failure;
  EXPECT_EQ(again.status, first.status);
  EXPECT_TRUE(again.body == first.body) << again.body.substr(0, 300);
  EXPECT_EQ(lasting_fields(again), lasting_fields(first));
  EXPECT_EQ(again.trailers, first.trailers);
  EXPECT_TRUE(is_marked(again));
  EXPECT_EQ(value_of(again.headers, "outrigger-source"), "idempotency");
  EXPECT_EQ(value_of(again.headers, "outrigger-original-request-id"),
            value_of(first.headers, "outrigger-request-id"));
  EXPECT_NE(value_of(again.headers, "outrigger-request-id"),
            value_of(first.headers, "outrigger-request-id"));
}

// The same out of the store, which says how long it stays there.
inline void expect_replay(const Response& again, const Response& first) {
  expect_shared(again, first);
  const std::string expires = value_of(again.headers, "idempotency-expires");
  ASSERT_FALSE(expires.empty());
  EXPECT_GT(std::stoll(expires), 0) << expires;
}

class Once : public Scenario {
 protected:
  // Serves the upstream with `idempotency: {...}` and these other keys.
  void serve_once(const std::string& idempotency = {}, const std::string& keys = {}) {
    serve(once(idempotency, keys));
  }
  static std::string once(const std::string& idempotency = {}, const std::string& keys = {}) {
    return fmt::format("idempotency: {{{}}}{}{}", idempotency, keys.empty() ? "" : ", ", keys);
  }
  [[nodiscard]] std::string key_upstream(std::size_t request) const {
    return value_of(upstream.requests().at(request).headers, "idempotency-key");
  }
  static std::string code_of(const Response& answer) {
    const auto document = nlohmann::json::parse(answer.body, nullptr, false);
    if (!document.is_object() || !document.contains("error")) return answer.body;
    return document["error"].value("code", "");
  }
};

}  // namespace outrigger::test
