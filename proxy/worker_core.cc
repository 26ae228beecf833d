#include "proxy/worker_core.h"

#include <sys/socket.h>

#include <chrono>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "filters/cache/export_cache.h"
#include "filters/circuit_breaker/export_circuits.h"
#include "filters/credentials/export_keys.h"
#include "filters/idempotency/export_records.h"
#include "filters/limits/export_limits.h"

namespace outrigger {
namespace {

constexpr Duration kMeasureEvery = 1s;
// The best that can be said on a connection that is not served, in one try: the client may not even
// speak HTTP/1.
constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: {}\r\n"
    "Outrigger-Source: proxy\r\n"
    "Proxy-Status: outrigger; error=connection_limit_reached\r\nConnection: close\r\n\r\n";

LogChannel* channel_of(LogSink* sink) {
  return sink == nullptr ? nullptr : &sink->channel();
}

}  // namespace

// A connection's place in the process's and the worker's lists.
class WorkerCore::Admission {
 public:
  Admission(WorkerCore& worker, const SocketAddress& peer, http::ClientConnection& connection)
      : worker_(worker), peer_(peer), at_(worker.open_.insert(worker.open_.end(), &connection)) {
    worker_.accepted_.add();
    worker_.active_.add();
  }
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;
  ~Admission() {
    worker_.open_.erase(at_);
    worker_.active_.sub();
    worker_.process_.connections.leave(peer_);
  }

 private:
  WorkerCore& worker_;
  const SocketAddress& peer_;
  std::list<http::ClientConnection*>::iterator at_;
};

WorkerCore::WorkerCore(unsigned index, ProcessState& process, EventLoop& loop,
                       std::vector<Fd> listeners, std::shared_ptr<const Blueprint> blueprint)
    : index_(index),
      process_(process),
      loop_(loop),
      metrics_(process.metrics.add_shard()),
      random_(secure_seed()),
      resolver_(loop),
      observe_(metrics_, channel_of(process.access_log), process.access_style, secure_seed()),
      chain_{observe_,
             process.filters,
             {process.filters.budgets, process.filters.cooldowns, random_, metrics_},
             {},
             &executions_},
      exchanges_(loop, metrics_, process.log),
      accepted_(metrics_.counter(Metric::kConnections,
                                 {"proxy", blueprint->config->server.tls ? "tls" : "plain"})),
      active_(metrics_.gauge(Metric::kConnectionsActive,
                             {"proxy", blueprint->config->server.tls ? "tls" : "plain"})),
      executions_(loop),
      connections_(loop) {
  apply(std::move(blueprint));
  for (Fd& fd : listeners) {
    listeners_.push_back(std::make_unique<Listener>(
        loop_, std::move(fd),
        [this](Fd client, const SocketAddress& peer) { accept(std::move(client), peer); }));
  }
  loop_.arm(*this, kMeasureEvery);
}

WorkerCore::~WorkerCore() {
  listeners_.clear();
  scope_.cancel({Errc::kCancelled, Origin::kProxy, "stopping"});
  executions_.scope.cancel({Errc::kCancelled, Origin::kProxy, "stopping"});
}

void WorkerCore::apply(std::shared_ptr<const Blueprint> blueprint) {
  const std::shared_ptr<Generation> before = exchanges_.generation();
  const Generation::Worker lent{
      index_,
      loop_,
      resolver_,
      random_,
      chain_,
      [this](auto endpoint, bool up, auto why) { probe_changed(endpoint, up, why); },
      [this](auto upstream, auto endpoint) { ejected(upstream, endpoint); }};
  auto next = std::make_shared<Generation>(lent, std::move(blueprint), before.get());
  exchanges_.use(next);
  if (before != nullptr) before->retire(*next);
}

void WorkerCore::accept(Fd fd, const SocketAddress& peer) {
  if (process_.filters.pressure.refuses_connection(fd.get())) {
    metrics_.counter(Metric::kLimitRefusals, {"descriptors"}).add();
    return refuse(fd);
  }
  if (process_.connections.admit(peer) != ConnectionLimits::Verdict::kAdmitted) {
    metrics_.counter(Metric::kLimitRefusals, {"connections"}).add();
    return refuse(fd);
  }
  connections_.spawn(converse(std::move(fd), peer));
}

void WorkerCore::refuse(const Fd& fd) const {
  const auto wait =
      std::chrono::ceil<std::chrono::seconds>(process_.filters.pressure.retry_after());
  const std::string answer = fmt::format(kFull, wait.count());
  (void)::send(fd.get(), answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

Task<void> WorkerCore::converse(Fd fd, SocketAddress peer) {
  // Settings and certificates are those of the configuration that the connection began with.
  const std::shared_ptr<Generation> generation = exchanges_.generation();
  http::ClientConnection connection(loop_, std::move(fd), peer, generation->server(),
                                    generation->tls(), exchanges_);
  const Admission admission(*this, peer, connection);
  const Status status = co_await connection.run(scope_);
  if (generation->tls() != nullptr) {
    metrics_.counter(Metric::kTlsHandshakes, {"client", status ? "ok" : "failed"}).add();
  }
}

void WorkerCore::drain(std::function<void()> drained) {
  listeners_.clear();
  // A connection may end at once, and only itself: then it leaves the list.
  for (auto next = open_.begin(); next != open_.end();) (*next++)->drain();
  const std::function<void()> look = [this, drained = std::move(drained)] {
    when_all_ended(drained);
  };
  connections_.on_empty(look);
  executions_.group.on_empty(look);
  look();
}

// What a client has left behind is finished, too.
void WorkerCore::when_all_ended(const std::function<void()>& drained) {
  if (!connections_.empty() || !executions_.group.empty()) return;
  if (!std::exchange(drained_, true)) drained();
}

void WorkerCore::probe_changed(std::string_view endpoint, bool up, std::string_view why) {
  if (up) {
    process_.log.info("health", "endpoint is up", {{"endpoint", endpoint}});
  } else {
    process_.log.warn("health", "endpoint is down", {{"endpoint", endpoint}, {"why", why}});
  }
}

void WorkerCore::ejected(std::string_view upstream, std::string_view endpoint) {
  metrics_.counter(Metric::kEndpointEjections, {upstream}).add();
  process_.log.warn("health", "endpoint set aside after failures in a row",
                    {{"upstream", upstream}, {"endpoint", endpoint}});
}

void WorkerCore::on_fire() {
  measure_pools();
  if (index_ == 0) {
    filters::export_circuits(process_.filters.breakers, process_.metrics, loop_.now());
    filters::export_keys(process_.filters.keys, process_.filters.cooldowns, process_.metrics,
                         loop_.now());
    filters::export_limits(process_.filters.limits, process_.metrics);
    filters::export_records(process_.filters.once->ledger, process_.metrics);
    filters::export_cache(process_.filters.cached->answers, process_.metrics);
  }
  loop_.arm(*this, kMeasureEvery);
}

// Pools change with every request; a look once a second is cheaper than counting each change.
void WorkerCore::measure_pools() {
  const Generation& generation = *exchanges_.generation();
  for (std::size_t i = 0; i < generation.config().upstreams.size(); ++i) {
    const std::string_view name = generation.config().upstreams[i].name;
    std::size_t idle = 0, open = 0, queued = 0;
    for (const auto& endpoint : generation.cluster(i).endpoints()) {
      idle += endpoint->idle();
      open += endpoint->connections();
      queued += endpoint->queued();
    }
    if (open == 0 && queued == 0 && generation.cluster(i).untouched()) continue;
    metrics_.gauge(Metric::kUpstreamConnections, {name, "idle"})
        .set(static_cast<std::int64_t>(idle));
    metrics_.gauge(Metric::kUpstreamConnections, {name, "active"})
        .set(static_cast<std::int64_t>(open - idle));
    metrics_.gauge(Metric::kUpstreamQueued, {name}).set(static_cast<std::int64_t>(queued));
    if (index_ != 0) continue;
    for (std::size_t e = 0; e < generation.cluster(i).endpoints().size(); ++e) {
      metrics_.gauge(Metric::kEndpointHealthy, {name, generation.cluster(i).endpoints()[e]->name()})
          .set(generation.cluster(i).usable(e) ? 1 : 0);
    }
  }
}

}  // namespace outrigger
