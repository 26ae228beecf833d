// The keys of upstreams, profiles, defaults and routes; the policies among them are in
// policy_declarations.cc.
#include <array>

#include "config/blocks.h"

namespace outrigger::config {
namespace {

using namespace std::string_view_literals;
using Kind = Type::Kind;

constexpr std::array kProtocols = {"auto"sv, "http1"sv, "http2"sv};

}  // namespace

template <>
inline constexpr std::span<const std::string_view> kWordsOf<Protocol> = kProtocols;

namespace {

// ---- what defaults, profiles and upstreams share ----

constexpr std::array kTlsFields = {
    field<&UpstreamTls::ca_file, Kind::kFile>("ca_file",
                                              "Authorities in PEM form that may sign the "
                                              "upstream's certificate; without it the system's.",
                                              "corporate-ca.crt"),
    field<&UpstreamTls::certificate_file, Kind::kFile>(
        "certificate_file", "The certificate to show to the upstream (mutual TLS), in PEM form.",
        "client.crt"),
    field<&UpstreamTls::key_file, Kind::kFile>(
        "key_file", "The private key of the certificate, in PEM form.", "client.key"),
    field<&UpstreamTls::server_name, Kind::kHost>(
        "server_name", "The name to ask for and to verify, when it is not the endpoint's host.",
        "api.example.com"),
    field<&UpstreamTls::unsafe_skip_verification>(
        "unsafe_skip_verification",
        "Accepts any certificate: anyone on the way can read and change all.", "false"),
};
constexpr std::array kTlsGroups = {Group{kTlsFields}};

constexpr std::array kPoolFields = {
    field<&PoolLimits::connections>("connections",
                                    "The most connections to one endpoint, for each worker.", "256",
                                    {.max = 1'000'000}),
    field<&PoolLimits::streams_per_connection>(
        "streams_per_connection", "The most concurrent requests on one HTTP/2 connection.", "100",
        {.max = 100'000}),
    field<&PoolLimits::waiting>("waiting", "The most requests that wait for a connection.", "1024",
                                {.min = 0, .max = 1'000'000}),
    field<&PoolLimits::idle>("idle", "An unused connection is closed after this.", "60s"),
};
constexpr std::array kPoolGroups = {Group{kPoolFields}};

constexpr std::array kActiveFields = {
    field<&ActiveHealth::path, Kind::kTarget>("path", "The path to ask for.", "/health"),
    field<&ActiveHealth::interval>("interval", "The time between two probes of an endpoint.",
                                   "10s"),
    field<&ActiveHealth::timeout>("timeout", "A probe without an answer after this has failed.",
                                  "2s"),
    field<&ActiveHealth::healthy_after>(
        "healthy_after", "Good probes in a row that bring an endpoint back.", "2", {.max = 1000}),
    field<&ActiveHealth::unhealthy_after>("unhealthy_after",
                                          "Failed probes in a row that set an endpoint aside.", "3",
                                          {.max = 1000}),
    field<&ActiveHealth::statuses>("statuses", "Statuses that are good; none: any 2xx or 3xx.",
                                   "[200, 204]", {.min = 100, .max = 599}),
};
constexpr std::array kActiveGroups = {Group{kActiveFields}};

constexpr std::array kPassiveFields = {
    field<&PassiveHealth::connect_failures>(
        "connect_failures", "Failed connections in a row that set an endpoint aside.", "5",
        {.max = 1000}),
    field<&PassiveHealth::eject>("eject", "For how long; doubled each further time.", "10s"),
    field<&PassiveHealth::max_eject>("max_eject", "The longest time aside.", "5m"),
};
constexpr std::array kPassiveGroups = {Group{kPassiveFields}};

constexpr std::array kHealthFields = {
    field<&Health::active>("active", "Probes of our own.", "{path: /health}"),
    field<&Health::passive>("passive", "What real requests tell.", "{connect_failures: 3}"),
};
constexpr std::array kHealthGroups = {Group{kHealthFields}};

constexpr std::array kSharedFields = {
    field<&Upstream::protocol>(
        "protocol",
        "`auto` negotiates on TLS and is HTTP/1.1 without; `http2` without TLS is "
        "prior knowledge.",
        "http2"),
    field<&Upstream::tls>("tls", "TLS to the upstream.", "{ca_file: corporate-ca.crt}"),
    field<&Upstream::pool>("pool", "Connections kept to each endpoint.", "{connections: 256}"),
    field<&Upstream::health>("health", "How an endpoint that does not work is found.",
                             "{active: {path: /health}}"),
};

// ---- where an upstream is ----

void decode_url(Decoder& decoder, const Field& self, const Node& node, void* object) {
  Endpoint endpoint;
  if (!decode_value(decoder, self, self.type, node, endpoint)) return;
  static_cast<Upstream*>(object)->endpoints = {std::move(endpoint)};
  decoder.remember(node);
}

std::optional<Node> dump_url(const Field& self, const void* object) {
  const auto& endpoints = static_cast<const Upstream*>(object)->endpoints;
  if (endpoints.size() != 1) return std::nullopt;
  return dump_value(self.type, endpoints.front());
}

void decode_endpoints(Decoder& decoder, const Field& self, const Node& node, void* object) {
  std::vector<Endpoint> endpoints;
  if (!decode_member(decoder, self, self.type, node, endpoints)) return;
  if (node.is_list() && node.members.empty()) {
    decoder.error(Code::kMissingKey, node, decoder.path() + " is empty", "name at least one URL");
    return;
  }
  static_cast<Upstream*>(object)->endpoints = std::move(endpoints);
  decoder.remember(node);
}

std::optional<Node> dump_endpoints(const Field& self, const void* object) {
  const auto& endpoints = static_cast<const Upstream*>(object)->endpoints;
  if (endpoints.size() < 2) return std::nullopt;
  return dump_member(self.type, endpoints);
}

constexpr Type kUrlType{.kind = Kind::kUrl};
constexpr Type kUrlsType{.kind = Kind::kList, .element = &kUrlType};

constexpr std::array kAddressFields = {
    field<&Upstream::profile, Kind::kName>(
        "use", "The profile that this builds on: a built-in one or one from `profiles`.", "llm"),
    Field{.key = "url",
          .type = kUrlType,
          .description = "The address: scheme, host, perhaps a port and a base path.",
          .example = "https://api.example.com/v2",
          .decode = decode_url,
          .dump = dump_url},
    Field{.key = "endpoints",
          .type = kUrlsType,
          .description =
              "Several addresses of one service, instead of `url`. All have one base path.",
          .example = "[https://eu.example.com, https://us.example.com]",
          .decode = decode_endpoints,
          .dump = dump_endpoints},
    or_word(field<&Upstream::expected_version, Kind::kPath>(
                "expected_version",
                "What the path must begin with behind the prefix, once. A request without it or "
                "with it "
                "twice is answered with the right URL. `none`: no check.",
                "/v1"),
            "none"),
    field<&Upstream::version_tokens, Kind::kName>(
        "version_tokens",
        "Path segments that look like a version, for the check that none is doubled.", "[v1, v2]"),
};

// ---- routes ----

constexpr std::array kRouteMatchFields = {
    field<&RouteMatch::methods, Kind::kMethod>("method", "Methods; none: any.", "[POST, PATCH]"),
    field<&RouteMatch::path, Kind::kPath>(
        "path",
        "A path below the upstream's prefix and everything below it, by whole segments; none: any.",
        "/invoices"),
};
constexpr std::array kRouteMatchGroups = {Group{kRouteMatchFields}};

constexpr std::array kRouteFields = {
    field<&Route::name, Kind::kName>(
        "name", "The route's name in logs and metrics; made from `match` if absent.",
        "create-invoice"),
    field<&Route::match>("match", "Which requests this route is for.",
                         "{method: POST, path: /invoices}"),
};

void* policies_of_route(void* route) {
  return &static_cast<Route*>(route)->policies;
}
void* policies_of_upstream(void* upstream) {
  return &static_cast<Upstream*>(upstream)->policies;
}

constexpr std::array kRouteGroups = {Group{kRouteFields}, Group{kPolicyFields, policies_of_route}};

// A route that adds rules keeps those of its upstream behind them, and where they are from.
void inherit_places(Decoder& decoder, const Node& route) {
  if (route.find("classify") == nullptr) return;
  const std::string& path = decoder.path();
  const std::string upstream = path.substr(0, path.rfind(".routes[")) + ".classify";
  for (const auto& item : decoder.take_items(upstream)) {
    decoder.put_item(upstream, item.first, item);
    decoder.put_item(path + ".classify", item.first, item);
  }
}

void decode_routes(Decoder& decoder, const Field& self, const Node& node, void* object) {
  auto* upstream = static_cast<Upstream*>(object);
  if (!node.is_list()) {
    decoder.error(Code::kWrongShape, node,
                  decoder.path() + " must be a list of blocks, not " + node.quote(),
                  "write each route as \"- match: ...\"");
    return;
  }
  std::vector<Route> routes;
  for (std::size_t i = 0; i < node.members.size(); ++i) {
    const Node& item = node.members[i].value;
    const Decoder::Scope scope(decoder, "[" + std::to_string(i) + "]");
    Route route;
    route.policies = upstream->policies;
    inherit_places(decoder, item);
    route.position = item.place.position();
    decoder.block(self.type.element->block(), item, &route);
    routes.push_back(std::move(route));
  }
  upstream->routes = std::move(routes);
  decoder.remember(node);
}

std::optional<Node> dump_routes(const Field& self, const void* object) {
  Node list = Node::list();
  for (const Route& route : static_cast<const Upstream*>(object)->routes) {
    list.add({}, dump_block(self.type.element->block(), &route));
  }
  if (list.members.empty()) return std::nullopt;
  return list;
}

constexpr Type kRouteType{.kind = Kind::kBlock, .block = route_block};
constexpr Type kRoutesType{.kind = Kind::kList, .element = &kRouteType};

// ---- upstreams ----

constexpr std::array kMatchFields = {
    or_word(field<&Upstream::path_prefix, Kind::kPath>(
                "path",
                "The path prefix in base URL mode; `/<name>` if absent, `/` for all other paths.",
                "/openai"),
            "/"),
    field<&Upstream::hosts, Kind::kAuthority>("host",
                                              "Further hosts, with a port if it is not the default "
                                              "one, whose forwarded and tunnelled requests "
                                              "come here. The hosts of the addresses always do.",
                                              "[openai.example.com]"),
};
constexpr std::array kMatchGroups = {Group{kMatchFields}};

constexpr Type kMatchType{.kind = Kind::kBlock, .block = upstream_match_block};

constexpr std::array kUpstreamFields = {
    Field{.key = "match",
          .type = kMatchType,
          .description = "Which requests this upstream is for.",
          .example = "{path: /openai, host: api.openai.com}",
          .decode = [](Decoder& decoder, const Field& self, const Node& node,
                       void* object) { decoder.block(self.type.block(), node, object); },
          .dump = [](const Field& self, const void* object) -> std::optional<Node> {
            return dump_block(self.type.block(), object);
          }},
};
// Last, because routes start from the policies of their upstream.
constexpr std::array kRoutesFields = {
    Field{.key = "routes",
          .type = kRoutesType,
          .description = "Narrower matches with policies of their own, tried in order.",
          .example = "[{match: {method: POST}, timeouts: {total: 30s}}]",
          .decode = decode_routes,
          .dump = dump_routes},
};

constexpr std::array kDefaultsGroups = {Group{kSharedFields},
                                        Group{kPolicyFields, policies_of_upstream}};
constexpr std::array kProfileGroups = {Group{kAddressFields}, Group{kSharedFields},
                                       Group{kPolicyFields, policies_of_upstream}};
constexpr std::array kUpstreamGroups = {
    Group{kAddressFields}, Group{kUpstreamFields}, Group{kSharedFields},
    Group{kPolicyFields, policies_of_upstream}, Group{kRoutesFields}};

constexpr Block kTls{"tls", "TLS to an upstream.", kTlsGroups, default_of<UpstreamTls>};
constexpr Block kPool{"pool", "Connections to an endpoint.", kPoolGroups, default_of<PoolLimits>};
constexpr Block kActive{"health.active", "Probes of our own; `none` is none.", kActiveGroups,
                        default_of<ActiveHealth>};
constexpr Block kPassive{"health.passive", "What real requests tell; `none` ignores it.",
                         kPassiveGroups, default_of<PassiveHealth>};
constexpr Block kHealth{"health", "How an endpoint that does not work is found.", kHealthGroups,
                        default_of<Health>};
constexpr Block kRouteMatch{"routes[].match", "Which requests a route is for. At least one key.",
                            kRouteMatchGroups, default_of<RouteMatch>};
constexpr Block kRoute{"routes[]", "A narrower match inside an upstream that overrides policies.",
                       kRouteGroups, default_of<Route>};
constexpr Block kMatch{"upstreams.<name>.match", "Which requests an upstream is for.", kMatchGroups,
                       default_of<Upstream>};
constexpr Block kDefaults{"defaults",
                          "What holds for all upstreams, unless a profile or they say otherwise.",
                          kDefaultsGroups, default_of<Upstream>};
constexpr Block kProfile{
    "profiles.<name>",
    "A named set of values that upstreams and other profiles `use`. A profile cannot "
    "have the name of a built-in one.",
    kProfileGroups, default_of<Upstream>};
constexpr Block kUpstream{"upstreams.<name>", "A named service with everything about it.",
                          kUpstreamGroups, default_of<Upstream>};

}  // namespace

template <>
const Block& block_of<UpstreamTls>() {
  return kTls;
}
template <>
const Block& block_of<PoolLimits>() {
  return kPool;
}
template <>
const Block& block_of<Health>() {
  return kHealth;
}
template <>
const Block& block_of<ActiveHealth>() {
  return kActive;
}
template <>
const Block& block_of<PassiveHealth>() {
  return kPassive;
}
template <>
const Block& block_of<RouteMatch>() {
  return kRouteMatch;
}
const Block& upstream_match_block() {
  return kMatch;
}
const Block& route_block() {
  return kRoute;
}
const Block& defaults_block() {
  return kDefaults;
}
const Block& profile_block() {
  return kProfile;
}
const Block& upstream_block() {
  return kUpstream;
}

}  // namespace outrigger::config
