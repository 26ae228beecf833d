#include "proxy/base/metrics.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace outrigger {
namespace {

// A small, strict reader of the text formats: fails the test on anything that a scraper would
// refuse.
struct Scrape {
  std::map<std::string, std::string> types;  // by family
  std::map<std::string, double> samples;     // by name and labels, as written
  std::vector<std::string> families;
  bool ended = false;

  explicit Scrape(const std::string& text) {
    EXPECT_TRUE(text.empty() || text.ends_with('\n'));
    static const std::regex kHead(R"(# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+))");
    static const std::regex kSample(
        R"(([a-zA-Z_:][a-zA-Z0-9_:]*))"
        R"((\{[a-z_]+="([^"\\\n]|\\[\\n"])*"(,[a-z_]+="([^"\\\n]|\\[\\n"])*")*\})?)"
        R"( ([-+0-9.eInf]+))");
    std::istringstream in(text);
    std::smatch match;
    for (std::string line; std::getline(in, line);) {
      EXPECT_FALSE(ended) << "after # EOF: " << line;
      if (line == "# EOF") {
        ended = true;
      } else if (std::regex_match(line, match, kHead)) {
        if (match[1] == "TYPE") {
          EXPECT_FALSE(types.contains(match[2])) << "twice: " << line;
          types[match[2]] = match[3];
          families.push_back(match[2]);
        }
      } else if (std::regex_match(line, match, kSample)) {
        const std::string key = match[1].str() + match[2].str();
        EXPECT_FALSE(samples.contains(key)) << "twice: " << line;
        EXPECT_FALSE(families.empty()) << line;
        if (!families.empty()) {
          EXPECT_TRUE(match[1].str().starts_with(families.back())) << line;
        }
        samples[key] = std::stod(match[6]);
      } else {
        ADD_FAILURE() << "not a line of the format: " << line;
      }
    }
  }
};

TEST(Metrics, SumsTheShardsOfAllThreads) {
  MetricRegistry registry;
  MetricShard& a = registry.add_shard();
  MetricShard& b = registry.add_shard();
  a.counter(Metric::kRequestBytes, {"openai"}).add(3);
  b.counter(Metric::kRequestBytes, {"openai"}).add(4);
  b.counter(Metric::kRequestBytes, {"mistral"}).add(1);
  a.gauge(Metric::kRequestsInFlight, {"openai"}).add(2);
  b.gauge(Metric::kRequestsInFlight, {"openai"}).sub(3);
  const Scrape scrape(registry.expose(Exposition::kPrometheus));
  EXPECT_EQ(scrape.samples.at("outrigger_request_bytes_total{upstream=\"openai\"}"), 7);
  EXPECT_EQ(scrape.samples.at("outrigger_request_bytes_total{upstream=\"mistral\"}"), 1);
  EXPECT_EQ(scrape.samples.at("outrigger_requests_in_flight{upstream=\"openai\"}"), -1);
  EXPECT_EQ(scrape.types.at("outrigger_request_bytes_total"), "counter");
  EXPECT_EQ(scrape.types.at("outrigger_requests_in_flight"), "gauge");
  EXPECT_EQ(registry.total(Metric::kRequestBytes, {"openai"}), 7U);
}

TEST(Metrics, HistogramBucketsAreCumulativeAndIncludeTheirBound) {
  MetricRegistry registry;
  const Histogram overhead = registry.add_shard().histogram(Metric::kProxyOverhead, {"u"});
  for (const Duration value : {Duration{0}, Duration{100us}, Duration{100us + 1ns}, Duration{1ms},
                               Duration{250ms}, Duration{3s}, Duration{-5ms}}) {
    overhead.observe(value);
  }
  const Scrape scrape(registry.expose(Exposition::kPrometheus));
  const auto bucket = [&](std::string_view le) {
    return scrape.samples.at(
        fmt::format("outrigger_proxy_overhead_seconds_bucket{{upstream=\"u\",le=\"{}\"}}", le));
  };
  EXPECT_EQ(bucket("0.0001"), 3);  // 0, the bound itself, and what was negative
  EXPECT_EQ(bucket("0.00025"), 4);
  EXPECT_EQ(bucket("0.0005"), 4);
  EXPECT_EQ(bucket("0.001"), 5);
  EXPECT_EQ(bucket("0.25"), 6);
  EXPECT_EQ(bucket("+Inf"), 7);
  EXPECT_EQ(scrape.samples.at("outrigger_proxy_overhead_seconds_count{upstream=\"u\"}"), 7);
  EXPECT_NEAR(scrape.samples.at("outrigger_proxy_overhead_seconds_sum{upstream=\"u\"}"), 3.2512,
              1e-6);
}

TEST(Metrics, OpenMetricsNamesFamiliesWithoutTotalAndEnds) {
  MetricRegistry registry;
  MetricShard& shard = registry.add_shard();
  shard.counter(Metric::kRequestBytes, {"u"}).add();
  shard.histogram(Metric::kRequestDuration, {"u", "2xx"}).observe(1s);
  const std::string text = registry.expose(Exposition::kOpenMetrics);
  const Scrape scrape(text);
  EXPECT_TRUE(scrape.ended);
  EXPECT_EQ(scrape.types.at("outrigger_request_bytes"), "counter");
  EXPECT_EQ(scrape.samples.at("outrigger_request_bytes_total{upstream=\"u\"}"), 1);
  EXPECT_NE(text.find("le=\"1.0\""), std::string::npos);
  EXPECT_FALSE(Scrape(registry.expose(Exposition::kPrometheus)).ended);
}

TEST(Metrics, EscapesLabelValues) {
  MetricRegistry registry;
  registry.add_shard().counter(Metric::kRequestBytes, {"a\"b\\c\nd"}).add();
  const Scrape scrape(registry.expose(Exposition::kPrometheus));
  EXPECT_EQ(scrape.samples.at(R"(outrigger_request_bytes_total{upstream="a\"b\\c\nd"})"), 1);
}

TEST(Metrics, FoldsWhatExceedsTheBoundAndSaysSo) {
  MetricRegistry registry(3);
  MetricShard& shard = registry.add_shard();
  for (int i = 0; i < 10; ++i) shard.counter(Metric::kRequestBytes, {fmt::format("u{}", i)}).add();
  shard.counter(Metric::kRequestBytes, {"u0"}).add();
  const Scrape scrape(registry.expose(Exposition::kPrometheus));
  EXPECT_EQ(scrape.samples.at("outrigger_request_bytes_total{upstream=\"u0\"}"), 2);
  EXPECT_EQ(scrape.samples.at("outrigger_request_bytes_total{upstream=\"_other\"}"), 7);
  EXPECT_EQ(scrape.samples.at(
                "outrigger_telemetry_dropped_total{signal=\"series\",reason=\"max_series\"}"),
            7);
  EXPECT_EQ(registry.series(), 3U);
}

TEST(Metrics, PublishedSamplesReplaceEachOther) {
  MetricRegistry registry;
  registry.publish(Metric::kConfigInfo, {{{"aaaaaaaa"}, 1}});
  registry.publish(Metric::kConfigInfo, {{{"bbbbbbbb"}, 1}});
  registry.publish(Metric::kProcessCpu, {{{}, 1.5}});
  const Scrape scrape(registry.expose(Exposition::kPrometheus));
  EXPECT_FALSE(scrape.samples.contains("outrigger_config_info{hash=\"aaaaaaaa\"}"));
  EXPECT_EQ(scrape.samples.at("outrigger_config_info{hash=\"bbbbbbbb\"}"), 1);
  EXPECT_EQ(scrape.samples.at("process_cpu_seconds_total"), 1.5);
}

TEST(Metrics, ManySeriesNeverShareCells) {
  MetricRegistry registry;
  MetricShard& shard = registry.add_shard();
  std::vector<Histogram> all;
  for (int i = 0; i < 500; ++i) {
    all.push_back(shard.histogram(Metric::kRequestDuration, {fmt::format("u{}", i), "2xx"}));
  }
  for (int i = 0; i < 500; ++i) {
    for (int n = 0; n <= i; ++n) all[static_cast<std::size_t>(i)].observe(1h);
  }
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(registry.total(Metric::kRequestDuration, {fmt::format("u{}", i), "2xx"}),
              static_cast<std::uint64_t>(i) + 1);
  }
}

TEST(Metrics, CountsExactlyWhileOthersScrape) {
  constexpr int kThreads = 3;
  constexpr int kTimes = 20000;
  MetricRegistry registry;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&registry, t] {
      MetricShard& shard = registry.add_shard();
      const Counter counter = shard.counter(Metric::kRequestBytes, {"u"});
      const Histogram times = shard.histogram(Metric::kResponseFirstByte, {fmt::format("u{}", t)});
      for (int i = 0; i < kTimes; ++i) {
        counter.add();
        times.observe(1ms);
      }
    });
  }
  for (int i = 0; i < 20; ++i) Scrape(registry.expose(Exposition::kPrometheus));
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(registry.total(Metric::kRequestBytes, {"u"}), std::uint64_t{kThreads} * kTimes);
  EXPECT_EQ(registry.total(Metric::kResponseFirstByte, {"u1"}), std::uint64_t{kTimes});
}

// Prometheus's own reader, where it is installed (Debian: package prometheus).
TEST(Metrics, PromtoolFindsNothingToCorrect) {
  if (std::system("command -v promtool > /dev/null 2>&1") != 0) {
    GTEST_SKIP() << "promtool is not installed";
  }
  MetricRegistry registry;
  MetricShard& shard = registry.add_shard();
  for (const MetricSpec& row : metric_table()) {
    if (row.type == MetricType::kHistogram && row.labels.size() == 1) {
      shard.histogram(row.id, {"u"}).observe(1s);
    } else if (row.type == MetricType::kHistogram) {
      shard.histogram(row.id, {"u", "v"}).observe(1s);
    } else {
      registry.publish(row.id, {{std::vector<std::string>(row.labels.size(), "v"), 1.5}});
    }
  }
  std::FILE* promtool = popen("promtool check metrics 2>&1", "w");
  ASSERT_NE(promtool, nullptr);
  const std::string text = registry.expose(Exposition::kPrometheus);
  std::fwrite(text.data(), 1, text.size(), promtool);
  EXPECT_EQ(pclose(promtool), 0) << text;
}

// The rules of `promtool check metrics`, which not every machine has.
TEST(Metrics, TheTableFollowsTheNamingRules) {
  std::set<std::string_view> names;
  for (const MetricSpec& row : metric_table()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_TRUE(row.name.starts_with("outrigger_") || row.name.starts_with("process_")) << row.name;
    EXPECT_EQ(row.name.ends_with("_total"), row.type == MetricType::kCounter) << row.name;
    for (const std::string_view unit : {"_ms", "_milliseconds", "_us", "_minutes", "_kb", "_mb"}) {
      EXPECT_FALSE(row.name.ends_with(unit)) << row.name;
    }
    EXPECT_TRUE(row.help.ends_with('.')) << row.name;
    EXPECT_EQ(row.type == MetricType::kHistogram, !row.buckets_ns.empty()) << row.name;
    EXPECT_TRUE(std::ranges::is_sorted(row.buckets_ns)) << row.name;
    for (const std::string_view label : row.labels) EXPECT_NE(label, "le") << row.name;
    EXPECT_NE(metrics_markdown().find(row.name), std::string::npos);
  }
}

TEST(Metrics, TheScrapersAcceptFieldChoosesTheFormat) {
  const std::pair<std::string_view, Exposition> cases[] = {
      {"", Exposition::kPrometheus},
      {"*/*", Exposition::kPrometheus},
      {"text/plain", Exposition::kPrometheus},
      {"application/openmetrics-text; version=1.0.0", Exposition::kOpenMetrics},
      {"application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1",
       Exposition::kOpenMetrics},
      {"application/openmetrics-text;q=0.2, text/plain;q=0.8", Exposition::kPrometheus},
      {"application/openmetrics-text;q=0", Exposition::kPrometheus},
  };
  for (const auto& [accept, exposition] : cases)
    EXPECT_EQ(exposition_for(accept), exposition) << accept;
}

}  // namespace
}  // namespace outrigger
