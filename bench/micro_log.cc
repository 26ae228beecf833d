// What telling a request costs: identifier, stamps, metrics and the access-log line. Prints only.
#include <benchmark/benchmark.h>

#include "filters/observe/access_record.h"
#include "filters/observe/observe.h"
#include "proxy/runtime/sim_loop.h"
#include "proxy/upstream/router.h"

namespace outrigger {
namespace {

class NoSink final : public http::ResponseSink {
 public:
  Task<Status> interim(http::ResponseHead, CancelScope&) override { co_return Status{}; }
  Task<http::Delivery> send(http::Response, CancelScope&) override { co_return http::Delivery{}; }
};

http::Request request() {
  http::Request it;
  it.head.method = http::Method::kPost;
  it.head.method_text = "POST";
  it.head.target = "/openai/v1/chat/completions";
  it.head.authority = "127.0.0.1:4170";
  http::Headers& headers = it.head.headers;
  headers.add("Host", "127.0.0.1:4170");
  headers.add("User-Agent", "OpenAI/JS 6.49.0");
  headers.add("Authorization", "Bearer sk-0123456789");
  headers.add("Content-Type", "application/json");
  headers.add("Accept", "application/json");
  headers.add("X-Stainless-Retry-Count", "0");
  return it;
}

void observe_one_request(benchmark::State& state) {
  MetricRegistry registry;
  const auto sink = std::move(*LogSink::open("/dev/null"));
  filters::ObserveContext context(registry.add_shard(), &sink->channel(), LogStyle::kJson, 1);
  filters::Observe observe(context, "openai", filters::kDefaultRoute);
  SimLoop loop;
  NoSink no_sink;
  CancelScope scope;
  http::ClientInfo client;
  client.address = *SocketAddress::parse("127.0.0.1", 50000);
  config::Policies policies;
  filters::Exchange exchange(loop, request(), no_sink, client, scope);
  exchange.routed.policies = &policies;
  filters::Attempt attempt;
  attempt.endpoint = "api.openai.com:443";
  attempt.status = 200;
  exchange.attempts.push_back(attempt);
  http::Delivery delivery;
  delivery.http_status = 200;
  delivery.body_bytes = 1024;
  delivery.chunks = 1;
  for (auto _ : state) {
    http::Response response;
    response.head.status = 200;
    response.head.headers.add_view(http::HeaderId::kContentType, "Content-Type",
                                   "application/json");
    exchange.observers.clear();
    observe.begin(exchange);
    observe.stamp(exchange, response);
    observe.on_delivered(exchange, delivery);
    loop.advance(10us);
  }
  state.counters["dropped"] = static_cast<double>(sink->dropped_lines());
}
BENCHMARK(observe_one_request);

void format_one_line(benchmark::State& state) {
  const auto client = *SocketAddress::parse("127.0.0.1", 50000);
  filters::Attempt attempt;
  attempt.endpoint = "api.openai.com:443";
  attempt.status = 200;
  filters::AccessRecord record;
  record.timestamp = "2026-01-31T23:59:59.123456Z";
  record.request_id = "01ARYZ6S41TSV4RRFFQ69G5FAV";
  record.client = &client;
  record.mode = "base_url";
  record.method = "POST";
  record.host = "127.0.0.1:4170";
  record.target = "/openai/v1/chat/completions";
  record.upstream = "openai";
  record.route = "_default";
  record.status = 200;
  record.source = "upstream";
  record.attempts = {&attempt, 1};
  record.user_agent = "OpenAI/JS 6.49.0";
  std::string line;
  for (auto _ : state) {
    line.clear();
    filters::append_json(line, record);
    benchmark::DoNotOptimize(line.data());
  }
}
BENCHMARK(format_one_line);

void route_one_request(benchmark::State& state) {
  auto config = std::make_shared<config::Config>();
  for (const std::string_view name :
       {"openai", "anthropic", "gemini", "mistral", "cohere", "groq"}) {
    config::Upstream upstream;
    upstream.name = name;
    upstream.path_prefix = "/" + upstream.name;
    upstream.expected_version = "/v1";
    upstream.version_tokens = {"v1", "v2", "v1beta"};
    config::Endpoint endpoint;
    endpoint.host = upstream.name + ".example";
    upstream.endpoints.push_back(endpoint);
    config->upstreams.push_back(upstream);
  }
  config->server.listen.push_back({"127.0.0.1:4170", "127.0.0.1", 4170});
  const upstream::Router router(config);
  http::Request asked = request();
  for (auto _ : state) {
    auto routed = router.route(asked.head);
    benchmark::DoNotOptimize(routed);
  }
}
BENCHMARK(route_one_request);

}  // namespace
}  // namespace outrigger
