#include "tests/integration/scenario.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace outrigger::test {

std::string protocols_name(const ::testing::TestParamInfo<Protocols>& info) {
  const auto name = [](Http http) { return http == Http::k1 ? "h1" : "h2"; };
  return fmt::format("{}_to_{}", name(info.param.client), name(info.param.upstream));
}

std::string story_of(const nlohmann::json& access_line) {
  std::string story;
  if (!access_line.contains("attempt_log")) return story;
  for (const nlohmann::json& attempt : access_line["attempt_log"]) {
    if (!story.empty()) story += "; ";
    if (attempt.value("probe", false)) story += "probe ";
    const int status = attempt.value("status", 0);
    story += status != 0 ? std::to_string(status) : attempt.value("phase", "P?");
    story += " " + attempt.value("verdict", "?");
    if (attempt.contains("stop")) story += fmt::format(" ({})", attempt.value("stop", ""));
  }
  return story;
}

void Scenario::serve(const std::string& keys) {
  serve(with(keys));
}

void Scenario::serve(const ProxyConfig& config, const ProxyOptions& options) {
  proxy_.emplace(config, options);
}

ProxyConfig Scenario::with(const std::string& keys) {
  const std::string protocol = h2_upstream() ? ", protocol: http2" : ", protocol: http1";
  return ProxyConfig().workers(1).upstream("up", upstream, keys + protocol);
}

Response Scenario::ask(const Request& request) {
  return client().fetch(request);
}

std::size_t Scenario::hits(const std::string& target) const {
  const std::vector<Request> seen = upstream.requests();
  return static_cast<std::size_t>(std::ranges::count(seen, target, &Request::target));
}

void Scenario::die(Exchange& exchange) {
  if (h2_upstream()) {
    exchange.rst_stream(NGHTTP2_INTERNAL_ERROR);
  } else {
    exchange.reset();
  }
}

Request llm_request(const std::string& target, const std::string& key, const std::string& body) {
  return post(target, body,
              {{"content-type", "application/json"}, {"authorization", "Bearer " + key}});
}

void expect_gives_up(const Response& answer) {
  EXPECT_EQ(value_of(answer.headers, "x-should-retry"), "false");
  EXPECT_EQ(value_of(answer.headers, "stripe-should-retry"), "false");
}

}  // namespace outrigger::test
