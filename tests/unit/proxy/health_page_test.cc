#include "proxy/admin/health_page.h"

#include <string>

#include <gtest/gtest.h>

#include "proxy/admin/process_metrics.h"

namespace outrigger::admin {
namespace {

using http::Method;

HealthState in(Lifecycle lifecycle, std::vector<std::string> reasons = {}) {
  return {lifecycle, std::move(reasons), "1.2.3", "9f31c2aa", "outrigger.yaml"};
}

HealthPage get(const HealthState& state, std::string_view target, Method method = Method::kGet) {
  return health_page(state, method, target, {},
                     [](Exposition) { return std::string("metrics\n"); });
}

TEST(HealthPage, ProbesFollowTheLifecycle) {
  struct Case {
    Lifecycle state;
    std::vector<std::string> reasons;
    int live, ready, started;
  };
  const Case cases[] = {
      {Lifecycle::kStarting, {}, 200, 503, 503},
      {Lifecycle::kReady, {}, 200, 200, 200},
      {Lifecycle::kReady, {"no worker accepts"}, 200, 503, 200},
      {Lifecycle::kDraining, {}, 200, 503, 200},
  };
  for (const Case& row : cases) {
    const HealthState state = in(row.state, row.reasons);
    EXPECT_EQ(get(state, "/livez").status, row.live) << to_string(row.state);
    EXPECT_EQ(get(state, "/readyz").status, row.ready) << to_string(row.state);
    EXPECT_EQ(get(state, "/startupz").status, row.started) << to_string(row.state);
  }
}

TEST(HealthPage, SaysWhatIsInTheWay) {
  EXPECT_EQ(get(in(Lifecycle::kDraining, {"3 streams \"run\""}), "/readyz").body,
            R"({"status":"failing","state":"draining","reasons":["draining","3 streams \"run\""],)"
            R"("version":"1.2.3","config":{"hash":"9f31c2aa","source":"outrigger.yaml"}})"
            "\n");
  EXPECT_EQ(get(in(Lifecycle::kReady), "/readyz?verbose").body,
            R"({"status":"ok","state":"ready","version":"1.2.3",)"
            R"("config":{"hash":"9f31c2aa","source":"outrigger.yaml"}})"
            "\n");
}

TEST(HealthPage, OtherPathsAndMethodsAreToldWhatThereIs) {
  const HealthState state = in(Lifecycle::kReady);
  for (const std::string_view path : {"/", "/healthz", "/livez/", "/METRICS"}) {
    const HealthPage page = get(state, path);
    EXPECT_EQ(page.status, 404) << path;
    EXPECT_NE(page.body.find("/readyz"), std::string::npos);
  }
  const HealthPage post = get(state, "/metrics", Method::kPost);
  EXPECT_EQ(post.status, 405);
  EXPECT_EQ(post.allow, "GET, HEAD");
  EXPECT_EQ(get(state, "/livez", Method::kHead).status, 200);
}

TEST(HealthPage, MetricsComeInTheFormatThatIsAskedFor) {
  const auto metrics = [](Exposition exposition) {
    return std::string(exposition == Exposition::kOpenMetrics ? "open" : "text");
  };
  const HealthState state = in(Lifecycle::kStarting);
  const HealthPage text = health_page(state, Method::kGet, "/metrics", "*/*", metrics);
  EXPECT_EQ(text.body, "text");
  EXPECT_EQ(text.content_type, "text/plain; version=0.0.4; charset=utf-8");
  const HealthPage open =
      health_page(state, Method::kGet, "/metrics", "application/openmetrics-text", metrics);
  EXPECT_EQ(open.body, "open");
}

TEST(HealthPage, BecomesAnAnswerThatNobodyCaches) {
  const http::Response response = to_response(get(in(Lifecycle::kReady), "/livez", Method::kPut));
  EXPECT_EQ(response.head.status, 405);
  EXPECT_EQ(response.head.headers.get(http::HeaderId::kCacheControl), "no-store");
  EXPECT_EQ(response.head.headers.find("allow")->value, "GET, HEAD");
  EXPECT_EQ(response.head.headers.get(http::HeaderId::kContentLength),
            std::to_string(response.body.whole()->size()));
}

TEST(ProcessMetrics, DescribeThisProcess) {
  MetricRegistry registry;
  publish_process_metrics(registry);
  publish_lifecycle(registry, Lifecycle::kReady);
  publish_log_drops(registry, 4, 0);
  const std::string text = registry.expose(Exposition::kPrometheus);
  for (const std::string_view line :
       {"\nprocess_cpu_seconds_total ", "\nprocess_resident_memory_bytes ", "\nprocess_open_fds ",
        "\nprocess_max_fds ", "\nprocess_start_time_seconds 1",
        "\noutrigger_lifecycle_state{state=\"ready\"} 1\n",
        "\noutrigger_lifecycle_state{state=\"draining\"} 0\n",
        "\noutrigger_telemetry_dropped_total{signal=\"log\",reason=\"full\"} 4\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

}  // namespace
}  // namespace outrigger::admin
