#include "proxy/upstream/prober.h"

#include <algorithm>
#include <utility>

namespace outrigger::upstream {
namespace {

// A probe tells nobody how it goes.
class Silent final : public AttemptListener {
 public:
  void on_endpoint(std::uint16_t, std::string_view) override {}
  void on_queued() override {}
  void on_resolving() override {}
  void on_connecting() override {}
  void on_handshaking() override {}
  void on_connection(bool) override {}
  void on_sending() override {}
  void on_request_sent() override {}
  void on_response(const http::Response&) override {}
  void on_failed(const Error&) override {}
  Task<Status> on_interim(http::ResponseHead) override { co_return Status{}; }
};

bool healthy(int status, const std::vector<int>& wanted) {
  if (wanted.empty()) return status >= 200 && status < 400;
  return std::ranges::find(wanted, status) != wanted.end();
}

}  // namespace

Prober::Prober(EventLoop& loop, Random& random, Cluster& cluster,
               const config::ActiveHealth& policy,
               std::shared_ptr<std::vector<SharedHealth>> verdicts, Changed changed)
    : loop_(loop),
      random_(random),
      cluster_(cluster),
      policy_(policy),
      verdicts_(std::move(verdicts)),
      changed_(std::move(changed)),
      tasks_(loop) {
  for (std::size_t i = 0; i < cluster_.endpoints().size(); ++i) tasks_.spawn(watch(i));
}

Prober::~Prober() {
  scope_.cancel({Errc::kCancelled, Origin::kProxy, "retired"});
}

Task<void> Prober::watch(std::size_t index) {
  Endpoint& endpoint = *cluster_.endpoints()[index];
  ProbeTally tally(policy_);
  for (;;) {
    const Status result = co_await probe(endpoint);
    if (scope_.cancelled()) co_return;
    if (tally.on_result(result.has_value()) != ProbeTally::Change::kNone) {
      (*verdicts_)[index].set_up(tally.up());
      changed_(endpoint.name(), tally.up(), result ? std::string_view{} : result.error().detail);
    }
    // Spread, so that many proxies do not probe in step.
    const auto spread = static_cast<std::int64_t>(0.2 * random_.unit() *
                                                  static_cast<double>(policy_.interval.count()));
    const Duration wait = policy_.interval - policy_.interval / 10 + Duration{spread};
    if (!co_await SleepFor(loop_, scope_, wait)) co_return;
  }
}

Task<Status> Prober::probe(Endpoint& endpoint) {
  CancelScope scope(scope_);
  DeadlineTimer timer(loop_, scope);
  timer.start(policy_.timeout, {Errc::kTimeout, Origin::kUpstream, "connection_timeout"});
  Silent silent;
  http::Request request;
  request.head.method_text = "GET";
  request.head.target = policy_.path;
  request.head.scheme = endpoint.where().tls ? "https" : "http";
  request.head.headers.add("User-Agent", "outrigger-health");
  CO_TRY(http::Response response,
         co_await endpoint.exchange(request, scope, silent, Endpoint::Purpose::kProbe));
  while (!response.body.ended()) {
    CO_TRY(const Slice bytes, co_await response.body.read(scope));
    if (bytes.empty()) break;
  }
  if (healthy(response.head.status, policy_.statuses)) co_return Status{};
  co_return fail(Errc::kProtocol, Origin::kUpstream, "destination_unavailable",
                 "the probe was answered with status " + std::to_string(response.head.status));
}

}  // namespace outrigger::upstream
