// What the resilience scenarios share: both protocols on both sides, policies whose waits nobody
// notices, and the story of an exchange as its access line tells it.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/integration/parties.h"

namespace outrigger::test {

struct Protocols {
  Http client = Http::k1;
  Http upstream = Http::k1;
};
std::string protocols_name(const ::testing::TestParamInfo<Protocols>& info);  // "h1_to_h2"

inline constexpr std::array<Protocols, 4> kAllProtocols{
    {{Http::k1, Http::k1}, {Http::k1, Http::k2}, {Http::k2, Http::k1}, {Http::k2, Http::k2}}};
inline constexpr std::array<Protocols, 2> kBothProtocols{
    {{Http::k1, Http::k1}, {Http::k2, Http::k2}}};

// Keys of an upstream. The budget has tests of its own; nothing waits longer than 5 ms by itself.
inline constexpr const char* kThreeAttempts =
    "retry: {max_attempts: 3, budget: none, backoff: {base: 1ms, max: 5ms}, "
    "backoff_for: {overloaded: {base: 1ms, max: 5ms}}}";

// What became of each attempt, in order: "503 overloaded; P3 transient; 200 ok". Without an answer
// the phase stands for the status; behind the last one that failed why no other followed:
// "503 overloaded (max_attempts)". A question of `verify` begins with "probe ".
std::string story_of(const nlohmann::json& access_line);

// One scripted upstream behind the real proxy. Start it with serve() once the upstream is scripted.
class Scenario : public ::testing::TestWithParam<Protocols> {
 protected:
  // Serves the upstream as "/up/..." with these keys.
  void serve(const std::string& keys);
  void serve(const ProxyConfig& config, const ProxyOptions& options = {});
  [[nodiscard]] ProxyConfig with(const std::string& keys);
  [[nodiscard]] TestProxy& proxy() { return *proxy_; }

  // On a connection of its own, in the client's protocol of the test.
  Response ask(const Request& request);
  [[nodiscard]] Client client() { return Client(proxy().port(), {.http = GetParam().client}); }
  // Of the request for that path, each path once a test.
  [[nodiscard]] std::string story(const std::string& path) {
    return story_of(proxy().access_line_of(path));
  }
  // How many requests for that target came to the upstream.
  [[nodiscard]] std::size_t hits(const std::string& target) const;
  [[nodiscard]] std::size_t hits() const { return upstream.requests().size(); }
  [[nodiscard]] static bool h2_upstream() { return GetParam().upstream == Http::k2; }
  // Ends the attempt without an answer, as a peer does that died.
  static void die(Exchange& exchange);

  Upstream upstream{{.http = GetParam().upstream}};

 private:
  std::optional<TestProxy> proxy_;
};

// A JSON request as SDKs send it, with a key of its own where cooldowns must not meet.
Request llm_request(const std::string& target, const std::string& key = "k",
                    const std::string& body = R"({"model":"m","stream":true})");

// The words that end an SDK's own retries.
void expect_gives_up(const Response& answer);

}  // namespace outrigger::test
