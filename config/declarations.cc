// The top level of a configuration, the list of all blocks, and the names that are no keys yet.
#include <array>

#include "config/blocks.h"

namespace outrigger::config {
namespace {

using Kind = Type::Kind;

constexpr Type kProfileType{.kind = Kind::kBlock, .block = profile_block};
constexpr Type kUpstreamType{.kind = Kind::kBlock, .block = upstream_block};
constexpr Type kProfilesType{.kind = Kind::kNamed, .element = &kProfileType};
constexpr Type kUpstreamsType{.kind = Kind::kNamed, .element = &kUpstreamType};

std::optional<Node> dump_version(const Field&, const void*) {
  return Node::scalar("1");
}

std::optional<Node> dump_upstreams(const Field& self, const void* object) {
  Node named = Node::map();
  for (const Upstream& upstream : static_cast<const Config*>(object)->upstreams) {
    named.add(upstream.name, dump_block(self.type.element->block(), &upstream));
  }
  return named;
}

// `defaults` and `profiles` have no dump: they are merged into the upstreams.
constexpr std::array kRootFields = {
    Field{.key = "version",
          .type = {.kind = Kind::kInteger},
          .description = "The version of this format. Required.",
          .example = "1",
          .bounds = {.min = 1, .max = 1},
          .dump = dump_version},
    field<&Config::server>("server", "The process itself: where it listens and what it bears.",
                           "{listen: 127.0.0.1:4170}"),
    field<&Config::store>("store", "Data on disk.", "{path: /var/lib/outrigger}"),
    Field{.key = "defaults",
          .type = {.kind = Kind::kBlock, .block = defaults_block},
          .description = "What holds for all upstreams, unless a profile or they say otherwise.",
          .example = "{pool: {idle: 30s}}"},
    Field{.key = "profiles",
          .type = kProfilesType,
          .description = "Named sets of values that upstreams and other profiles `use`.",
          .example = "{internal: {timeouts: {headers: 5s}}}"},
    Field{.key = "upstreams",
          .type = kUpstreamsType,
          .description = "The services. If absent, every known provider is served under its name.",
          .example = "{openai: {use: openai}}",
          .dump = dump_upstreams},
};
constexpr std::array kRootGroups = {Group{kRootFields}};

const void* default_config() {
  static const Config config{};
  return &config;
}

constexpr Block kRoot{"", "The whole file.", kRootGroups, default_config};

// DESIGN 4: blocks of later versions; then other names for them (resilience 4).
constexpr std::array kReserved = {
    ReservedKey{"dead_letter", "dead_letter"},
    ReservedKey{"checkpoint", "checkpoint"},
    ReservedKey{"workflows", "workflows"},
    ReservedKey{"workflow", "workflows"},
};

constexpr std::array kSynonyms = {
    Synonym{"base_url", "url"},
    Synonym{"address", "url"},
    Synonym{"target", "url"},
    Synonym{"urls", "endpoints"},
    Synonym{"hosts", "host"},
    Synonym{"methods", "method"},
    Synonym{"profile", "use"},
    Synonym{"extends", "use"},
    Synonym{"bind", "listen"},
    Synonym{"port", "listen"},
    Synonym{"threads", "workers"},
    Synonym{"ca", "ca_file"},
    Synonym{"certificate", "certificate_file"},
    Synonym{"cert", "certificate_file"},
    Synonym{"cert_file", "certificate_file"},
    Synonym{"key", "key_file"},
    Synonym{"sni", "server_name"},
    Synonym{"insecure", "unsafe_skip_verification"},
    Synonym{"prefix", "path"},
    Synonym{"retries", "retry"},
    Synonym{"retry_policy", "retry"},
    Synonym{"breaker", "circuit_breaker"},
    Synonym{"rate", "rate_limit"},
    Synonym{"ratelimit", "rate_limit"},
    Synonym{"rpm", "requests"},
    Synonym{"tpm", "tokens"},
    Synonym{"bulkhead", "concurrency"},
    Synonym{"max_concurrency", "max"},
    Synonym{"hedging", "hedge"},
    Synonym{"fallbacks", "fallback"},
    Synonym{"failover", "fallback"},
    Synonym{"validation", "validate"},
    Synonym{"json_schema", "schema"},
    Synonym{"dedupe", "idempotency"},
    Synonym{"idempotent", "idempotency"},
    Synonym{"ttl", "keep"},
    Synonym{"caching", "cache"},
    Synonym{"max_age", "ttl"},
    Synonym{"coalesce", "collapse"},
    Synonym{"sign", "credentials"},
    Synonym{"api_key", "keys"},
    Synonym{"sigv4", "aws"},
    Synonym{"dry_run", "shadow"},
    Synonym{"outlier_detection", "circuit_breaker"},
    Synonym{"classifier", "classify"},
    Synonym{"classifiers", "classify"},
    Synonym{"rules", "classify"},
    Synonym{"attempts", "max_attempts"},
    Synonym{"max_retries", "max_attempts"},
    Synonym{"num_retries", "max_attempts"},
    Synonym{"retry_on", "if"},
    Synonym{"verdicts", "if"},
    Synonym{"consecutive_failures", "failures_in_a_row"},
    Synonym{"consecutive_errors", "failures_in_a_row"},
    Synonym{"max_failures", "failures_in_a_row"},
    Synonym{"error_rate", "failure_rate"},
    Synonym{"min_events", "events"},
    Synonym{"need", "successes"},
    Synonym{"idle_timeout", "gap"},
    Synonym{"request_timeout", "total"},
    Synonym{"stream", "in_stream"},
    Synonym{"code", "status"},
    Synonym{"codes", "status"},
    Synonym{"statuses", "status"},
    Synonym{"services", "upstreams"},
    Synonym{"backends", "upstreams"},
    Synonym{"providers", "upstreams"},
};

}  // namespace

const Block& root_block() {
  return kRoot;
}

std::span<const Block* const> all_blocks() {
  static const std::array kAll = {&root_block(),
                                  &block_of<Server>(),
                                  &block_of<ServerTls>(),
                                  &block_of<ServerLimits>(),
                                  &block_of<Overload>(),
                                  &block_of<Watermarks>(),
                                  &block_of<ReplayBuffers>(),
                                  &block_of<Forward>(),
                                  &block_of<Drain>(),
                                  &block_of<AccessLog>(),
                                  &block_of<Store>(),
                                  &block_of<CacheStore>(),
                                  &defaults_block(),
                                  &profile_block(),
                                  &upstream_block(),
                                  &upstream_match_block(),
                                  &route_block(),
                                  &block_of<RouteMatch>(),
                                  &block_of<Timeouts>(),
                                  &block_of<Progress>(),
                                  &block_of<ClassifyRule>(),
                                  &block_of<Retry>(),
                                  &block_of<Backoff>(),
                                  &block_of<Hints>(),
                                  &block_of<RetryBudget>(),
                                  &block_of<Verify>(),
                                  &verify_found_block(),
                                  &block_of<CircuitBreaker>(),
                                  &block_of<SlowCalls>(),
                                  &block_of<BreakerOpen>(),
                                  &block_of<HalfOpen>(),
                                  &block_of<RateLimit>(),
                                  &block_of<Concurrency>(),
                                  &block_of<LimitQueue>(),
                                  &block_of<Hedge>(),
                                  &block_of<Fallback>(),
                                  &block_of<FixedAnswer>(),
                                  &block_of<Validate>(),
                                  &block_of<Repair>(),
                                  &block_of<Credentials>(),
                                  &block_of<AwsSigning>(),
                                  &block_of<LoopGuard>(),
                                  &block_of<Idempotency>(),
                                  &block_of<UpstreamKey>(),
                                  &block_of<OnClientGone>(),
                                  &block_of<Cache>(),
                                  &cache_if_block(),
                                  &block_of<PageCache>(),
                                  &block_of<Commit>(),
                                  &block_of<UpstreamTls>(),
                                  &block_of<PoolLimits>(),
                                  &block_of<Health>(),
                                  &block_of<ActiveHealth>(),
                                  &block_of<PassiveHealth>()};
  return kAll;
}

std::span<const ReservedKey> reserved_keys() {
  return kReserved;
}
std::span<const Synonym> synonyms() {
  return kSynonyms;
}

}  // namespace outrigger::config
