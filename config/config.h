// The configuration as data: what the loader makes of one file, after defaults, profiles and routes
// are merged. Immutable once loaded and shared by all workers (DESIGN 4, 5). Pure: no I/O here.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/policies.h"
#include "proxy/base/duration.h"
#include "proxy/base/secret.h"

namespace outrigger::config {

// Where a value was written, for explain and for messages; line and column are 1-based, 0 = built
// in.
struct Position {
  std::string file;
  int line = 0;
  int column = 0;
};

struct RouteMatch {
  std::vector<std::string> methods;  // empty: any
  std::string path;                  // prefix, by whole segments; empty: any
};

struct Route {
  std::string name;  // given, or made from the match; label "_default" is the upstream's own
  RouteMatch match;
  Policies policies;
  Position position;
};

// ---- upstreams ----

enum class Protocol : std::uint8_t {
  kAuto,
  kHttp1,
  kHttp2
};  // auto: ALPN on TLS, HTTP/1.1 on plain

struct Endpoint {
  std::string url;  // as written
  bool tls = true;
  std::string host;  // canonical: lower case, no brackets
  std::uint16_t port = 443;
  std::string base_path;  // "" or "/v1": no trailing slash
  bool operator==(const Endpoint&) const = default;
};

struct UpstreamTls {
  std::string ca_file;                     // empty: the system store
  std::string certificate_file, key_file;  // mTLS; both or none
  std::string server_name;                 // empty: the endpoint's host
  bool unsafe_skip_verification = false;
  bool operator==(const UpstreamTls&) const = default;
};

struct PoolLimits {
  std::uint32_t connections = 1024;            // per endpoint and worker
  std::uint32_t streams_per_connection = 100;  // h2
  std::uint32_t waiting = 1024;                // requests queued for a connection
  Duration idle = 60s;                         // an idle pooled connection is closed after this
  bool operator==(const PoolLimits&) const = default;
};

struct ActiveHealth {
  std::string path = "/";
  Duration interval = 10s;
  Duration timeout = 2s;
  std::uint32_t healthy_after = 2, unhealthy_after = 3;
  std::vector<int> statuses;  // empty: any 2xx or 3xx
  bool operator==(const ActiveHealth&) const = default;
};

struct PassiveHealth {
  std::uint32_t connect_failures = 5;  // in a row: set aside
  Duration eject = 10s;                // doubled for each further ejection, at most max_eject
  Duration max_eject = 5min;
  bool operator==(const PassiveHealth&) const = default;
};

struct Health {
  std::optional<ActiveHealth> active;
  std::optional<PassiveHealth> passive = PassiveHealth{};
  bool operator==(const Health&) const = default;
};

struct Upstream {
  std::string name;
  std::string profile;      // the built-in profile under `use:`; empty: none
  std::string path_prefix;  // base URL mode; default "/<name>"; "" takes every other path
  // Forward mode: absolute-form and CONNECT authorities routed here, "host" or "host:port", besides
  // the endpoints' own.
  std::vector<std::string> hosts;
  std::vector<Endpoint> endpoints;  // at least one; all share one base_path
  Protocol protocol = Protocol::kAuto;
  UpstreamTls tls;
  PoolLimits pool;
  Health health;
  std::string expected_version;  // "/v1": a request path must begin with it once; "" = no check
  std::vector<std::string>
      version_tokens;         // path segments that look like a version, for the doubled check
  Policies policies;          // the upstream's own level
  std::vector<Route> routes;  // tried in order; then the default
  Position position;
};

// ---- server ----

struct ListenAddress {
  std::string text;        // as written: "127.0.0.1:4170", "[::1]:4170", "unix:/run/x"
  std::string host;        // an IP address without brackets, or the path of a Unix socket
  std::uint16_t port = 0;  // 0: the system chooses; of no meaning for a Unix socket
};

struct ServerTls {
  std::string certificate_file, key_file;
  std::string client_ca_file;  // set: client certificates are required and verified
};

struct ServerLimits {
  ByteCount head_bytes = 64 * 1024;
  ByteCount field_bytes = 16 * 1024;
  std::uint32_t fields = 100;
  std::uint32_t connections = 20000;  // whole process
  std::uint32_t connections_per_client = 10000;
  std::uint32_t streams_per_connection = 100;  // h2
  Duration head_time = 10s;                    // absolute, from the first byte
  Duration tls_time = 5s;
  Duration first_request_idle = 10s;  // before the first byte
  Duration keep_alive_idle = 60s;
  ByteCount body_rate_bytes = 512;  // minimum per second, over body_rate_window
  Duration body_rate_window = 30s;
  Duration write_stall = 60s;  // a client that takes no byte for so long is gone
};

struct Forward {
  bool enabled = false;                  // CONNECT and absolute-form to hosts without an upstream
  std::vector<std::string> allow_hosts;  // exact, or ".example.com" for sub-domains
  std::vector<std::string> allow_cidrs;  // private destinations allowed by name of network
  std::vector<std::uint16_t> ports = {443, 80};
};

struct Drain {
  Duration announce = 2s;    // readiness fails, still accepting
  Duration streams = 10min;  // then running exchanges may finish for so long
};

// From `soft` on nothing more is taken on that can be done without; at `hard` requests are refused.
struct Watermarks {
  double soft = 0.7;
  double hard = 0.85;
  bool operator==(const Watermarks&) const = default;
};

// Request bodies that are kept for another attempt, of all exchanges together.
struct ReplayBuffers {
  ByteCount memory = 256ull * 1024 * 1024;
  ByteCount disk = 2ull * 1024 * 1024 * 1024;
  bool operator==(const ReplayBuffers&) const = default;
};

// What the process does when it itself runs out of something.
struct Overload {
  std::optional<Watermarks> memory =
      Watermarks{};  // of the control group's limit, or the machine's
  std::optional<Watermarks> descriptors = Watermarks{0.8, 0.95};  // of RLIMIT_NOFILE
  Duration retry_after = 1s;
  ReplayBuffers replay_buffers;
  bool operator==(const Overload&) const = default;
};

enum class LogFormat : std::uint8_t { kAuto, kJson, kText };  // auto: text on a terminal

struct AccessLog {
  bool enabled = true;
  std::string path = "stdout";  // stdout, stderr or a file
};

struct Server {
  std::vector<ListenAddress> listen = {{"127.0.0.1:4170", "127.0.0.1", 4170}};
  ListenAddress admin = {"127.0.0.1:4172", "127.0.0.1", 4172};
  ListenAddress health = {"127.0.0.1:4173", "127.0.0.1", 4173};
  std::optional<ServerTls> tls;  // set: the proxy port speaks TLS
  std::uint32_t workers = 0;     // 0: one a core
  Drain drain;
  ServerLimits limits;
  Overload overload;
  Forward forward;
  AccessLog access_log;
  LogFormat log_format = LogFormat::kAuto;
  bool watch = true;  // reload when the file changes
  std::uint32_t max_series = 10000;
};

struct Store {
  std::string path = "outrigger-data";
  Secret encryption_key;
  Secret previous_encryption_key;
  ByteCount max_size = 4ull * 1024 * 1024 * 1024;  // of answers that are kept for keys
  CacheStore cache;
  bool operator==(const Store&) const = default;
};

struct Config {
  Server server;
  Store store;
  std::vector<Upstream> upstreams;  // in file order, or the built-in providers
  std::string source;               // file name, or "<built-in>"
  std::string hash;                 // 8 hex digits of the merged content
};

using Snapshot = std::shared_ptr<const Config>;

}  // namespace outrigger::config
