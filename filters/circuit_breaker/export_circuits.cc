#include "filters/circuit_breaker/export_circuits.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace outrigger::filters {
namespace {

using Samples = std::vector<MetricRegistry::Sample>;

// What an upstream shows, over its own breakers and those of its routes.
struct Summary {
  BreakerState state = BreakerState::kClosed;
  CallTally calls;
  std::optional<Duration> next_probe;
  UpstreamBreakers::Counts counts;
};

// How little a state lets pass.
int strictness(BreakerState state) noexcept {
  constexpr std::array<int, kStateNames.size()> kRank = {0, 3, 2, 4, 1};
  return kRank[static_cast<std::size_t>(state)];
}

void add(Summary& summary, UpstreamBreakers& upstream, TimePoint now) {
  for (const Pinned& breaker : upstream.all()) {
    const BreakerStatus status = breaker->status(now);
    if (strictness(status.state) > strictness(summary.state)) summary.state = status.state;
    if (status.next_probe && (!summary.next_probe || *status.next_probe < *summary.next_probe)) {
      summary.next_probe = status.next_probe;
    }
    if (breaker->kind() == BreakerKind::kHost) continue;  // the same calls, seen twice
    summary.calls.calls += status.window.calls;
    summary.calls.failures += status.window.failures;
  }
  const UpstreamBreakers::Counts counts = upstream.counts(now);
  summary.counts.open += counts.open;
  for (std::size_t from = 0; from < kStateNames.size(); ++from) {
    for (std::size_t to = 0; to < kStateNames.size(); ++to) {
      summary.counts.transitions[from][to] += counts.transitions[from][to];
    }
  }
}

void append_transitions(Samples& out, const std::string& upstream,
                        const UpstreamBreakers::Transitions& transitions) {
  for (std::size_t from = 0; from < kStateNames.size(); ++from) {
    for (std::size_t to = 0; to < kStateNames.size(); ++to) {
      if (transitions[from][to] == 0) continue;
      out.push_back({{upstream, std::string(kStateNames[from]), std::string(kStateNames[to])},
                     static_cast<double>(transitions[from][to])});
    }
  }
}

}  // namespace

void export_circuits(SharedBreakers& breakers, MetricRegistry& metrics, TimePoint now) {
  std::map<std::string, Summary> summaries;
  for (const auto& upstream : breakers.all()) {
    upstream->tick(now);
    add(summaries[upstream->upstream()], *upstream, now);
  }
  Samples states, transitions, open, ratios, probes;
  for (const auto& [upstream, summary] : summaries) {
    for (std::size_t state = 0; state < kStateNames.size(); ++state) {
      const bool here = static_cast<BreakerState>(state) == summary.state;
      states.push_back({{upstream, std::string(kStateNames[state])}, here ? 1.0 : 0.0});
    }
    append_transitions(transitions, upstream, summary.counts.transitions);
    open.push_back({{upstream}, std::chrono::duration<double>(summary.counts.open).count()});
    ratios.push_back({{upstream}, summary.calls.failure_rate()});
    const Duration probe = summary.next_probe.value_or(Duration{0});
    probes.push_back({{upstream}, std::chrono::duration<double>(probe).count()});
  }
  metrics.publish(Metric::kCircuitState, std::move(states));
  metrics.publish(Metric::kCircuitTransitions, std::move(transitions));
  metrics.publish(Metric::kCircuitOpenSeconds, std::move(open));
  metrics.publish(Metric::kCircuitFailureRatio, std::move(ratios));
  metrics.publish(Metric::kCircuitNextProbe, std::move(probes));
}

}  // namespace outrigger::filters
