#include "filters/chain.h"

#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "proxy/net/resolver.h"
#include "proxy/runtime/event_loop.h"

namespace outrigger::filters {
namespace {

std::vector<std::string> names_in_readme() {
  std::ifstream page(std::string(OUTRIGGER_SOURCE_DIR) + "/filters/README.md");
  std::vector<std::string> names;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("| `")) names.push_back(line.substr(3, line.find('`', 3) - 3));
  }
  return names;
}

TEST(Chain, IsInTheOrderThatItsPageTells) {
  EventLoop loop;
  Resolver resolver(loop);
  Random random(1);
  MetricRegistry metrics;
  ObserveContext observe(metrics.add_shard(), nullptr, LogStyle::kJson, 1);
  config::Upstream upstream;
  upstream.name = "api";
  upstream.policies.commit.keep_alive = 10s;
  upstream.policies.fallback.emplace_back();
  upstream.policies.hedge.emplace();
  upstream.policies.loop_guard.emplace();
  upstream.policies.idempotency.emplace();
  upstream.policies.cache.emplace();
  upstream.policies.credentials.emplace().aws.emplace();
  upstream.policies.validate.emplace();
  upstream.policies.rate_limit.emplace();
  upstream.policies.concurrency.emplace();
  upstream.endpoints.push_back(
      {.url = "http://127.0.0.1:1", .tls = false, .host = "127.0.0.1", .port = 1, .base_path = ""});
  const upstream::Cluster::Setup setup{loop, resolver, random, nullptr, nullptr, nullptr, {}};
  upstream::Cluster cluster(setup, upstream);
  Shared shared({.listener = {}}, {}, "/nowhere", "/tmp");
  store::Journal journal;
  shared.once.emplace(journal);
  shared.cached.emplace(CacheSettings{});
  Executions executions(loop);
  ChainContext context{observe,
                       shared,
                       {shared.budgets, shared.cooldowns, random, observe.metrics},
                       {},
                       &executions};
  const upstream::Router router(std::make_shared<const config::Config>());
  const std::vector<std::vector<Chain>> chains;
  const Switchboard switchboard(router, chains);
  const Chain chain =
      ChainBuilder(context, switchboard, loop.now()).route(upstream, nullptr, cluster);
  std::vector<std::string> names;
  for (const auto& filter : chain.filters()) names.emplace_back(filter->name());
  EXPECT_EQ(names, names_in_readme());
}

}  // namespace
}  // namespace outrigger::filters
