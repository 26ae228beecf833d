// Asks the builder itself which filters a chain has: nothing is sent or dialled, so the chain needs
// no files and no network.
#include "filters/chain.h"
#include "filters/explain/request_plan.h"
#include "proxy/net/resolver.h"
#include "proxy/runtime/event_loop.h"

namespace outrigger::filters {
namespace {

// The least that a worker lends its chains.
struct Workbench {
  EventLoop loop;
  Resolver resolver{loop};
  Random random{1};
  MetricRegistry metrics;
  ObserveContext observe{metrics.add_shard(), nullptr, LogStyle::kJson, 1};
  Shared shared{{.listener = {}}, {}, {}, {}};
  store::Journal journal;
  Executions executions{loop};
  ChainContext context{observe,
                       shared,
                       {shared.budgets, shared.cooldowns, random, observe.metrics},
                       {},
                       &executions};
  upstream::Router router{std::make_shared<const config::Config>()};
  std::vector<std::vector<Chain>> chains;
  Switchboard switchboard{router, chains};
  ChainBuilder builder{context, switchboard, loop.now()};

  Workbench() {
    shared.once.emplace(journal);
    shared.cached.emplace(CacheSettings{});
  }
};

std::vector<std::string> names_of(const Chain& chain) {
  std::vector<std::string> names;
  for (const auto& filter : chain.filters()) names.emplace_back(filter->name());
  return names;
}

}  // namespace

std::vector<std::string> filters_of_chain(const config::Upstream& upstream,
                                          const config::Route* route) {
  Workbench bench;
  const upstream::Cluster::Setup setup{
      bench.loop, bench.resolver, bench.random, nullptr, nullptr, nullptr, {}};
  upstream::Cluster cluster(setup, upstream);
  return names_of(bench.builder.route(upstream, route, cluster));
}

std::vector<std::string> filters_of_forward_chain() {
  Workbench bench;
  const config::Policies policies = upstream::passthrough_policies();
  upstream::ForwardProxy proxy(bench.loop, bench.resolver, bench.random, {{}, {}, {}}, nullptr);
  return names_of(bench.builder.forward(policies, proxy));
}

}  // namespace outrigger::filters
