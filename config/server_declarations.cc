// The keys of `server` and `store`.
#include <array>

#include "config/blocks.h"

namespace outrigger::config {
namespace {

using namespace std::string_view_literals;
using Kind = Type::Kind;

constexpr Bounds kZeroToo{.min = 0};
constexpr std::array kLogFormats = {"auto"sv, "json"sv, "text"sv};

}  // namespace

template <>
inline constexpr std::span<const std::string_view> kWordsOf<LogFormat> = kLogFormats;

namespace {

constexpr std::array kTlsFields = {
    field<&ServerTls::certificate_file, Kind::kFile>(
        "certificate_file", "The certificate chain in PEM form, the server's own first.",
        "server.crt"),
    field<&ServerTls::key_file, Kind::kFile>(
        "key_file", "The private key of the certificate, in PEM form.", "server.key"),
    field<&ServerTls::client_ca_file, Kind::kFile>(
        "client_ca_file",
        "Authorities in PEM form. When given, a client must show a certificate that one of them "
        "signed.",
        "clients.crt"),
};
constexpr std::array kTlsGroups = {Group{kTlsFields}};

constexpr std::array kLimitFields = {
    field<&ServerLimits::head_bytes>("head_bytes",
                                     "The largest request head: request line and all fields.",
                                     "64KiB", {.min = 1024, .max = 16 << 20}),
    field<&ServerLimits::field_bytes>("field_bytes", "The largest single header field.", "16KiB",
                                      {.min = 256, .max = 16 << 20}),
    field<&ServerLimits::fields>("fields", "The most header fields of one message.", "100",
                                 {.min = 8, .max = 10000}),
    field<&ServerLimits::connections>("connections",
                                      "The most client connections of the whole process.", "20000",
                                      {.max = 10'000'000}),
    field<&ServerLimits::connections_per_client>("connections_per_client",
                                                 "The most connections from one client address.",
                                                 "10000", {.max = 10'000'000}),
    field<&ServerLimits::streams_per_connection>(
        "streams_per_connection", "The most concurrent requests on one HTTP/2 connection.", "100",
        {.max = 100'000}),
    field<&ServerLimits::head_time>(
        "head_time", "The longest time from the first byte of a request head to its last.", "10s"),
    field<&ServerLimits::tls_time>("tls_time", "The longest TLS handshake of a client.", "5s"),
    field<&ServerLimits::first_request_idle>(
        "first_request_idle", "How long a new connection may stay silent before its first byte.",
        "10s"),
    field<&ServerLimits::keep_alive_idle>(
        "keep_alive_idle", "How long an idle connection stays open between requests.", "60s"),
    field<&ServerLimits::body_rate_bytes>("body_rate_bytes",
                                          "A request body must arrive at this rate: bytes a "
                                          "second, measured over `body_rate_window`.",
                                          "512B", {.min = 0}),
    field<&ServerLimits::body_rate_window>("body_rate_window", "The window of `body_rate_bytes`.",
                                           "30s"),
    field<&ServerLimits::write_stall>(
        "write_stall", "A client that takes no byte of its answer for so long is treated as gone.",
        "60s"),
};
constexpr std::array kLimitGroups = {Group{kLimitFields}};

constexpr Bounds kPart{.min = 1, .max = 100};
constexpr std::array kWatermarkFields = {
    field<&Watermarks::soft, Kind::kPercent>(
        "soft", "From here on no new replay buffers are kept: requests are sent once.", "70%",
        kPart),
    field<&Watermarks::hard, Kind::kPercent>(
        "hard", "From here on requests are answered with 503 and a time to come back.", "85%",
        kPart),
};
constexpr std::array kWatermarkGroups = {Group{kWatermarkFields}};

constexpr std::array kReplayBufferFields = {
    field<&ReplayBuffers::memory>("memory", "In memory, all requests together.", "256MiB",
                                  {.min = 0}),
    field<&ReplayBuffers::disk>("disk", "On disk, all requests together.", "2GiB", {.min = 0}),
};
constexpr std::array kReplayBufferGroups = {Group{kReplayBufferFields}};

constexpr std::array kOverloadFields = {
    field<&Overload::memory>(
        "memory", "Memory in use, as a part of the control group's limit or the machine's memory.",
        "{soft: 70%, hard: 85%}"),
    field<&Overload::descriptors>("descriptors",
                                  "Descriptors in use, as a part of the process's limit.",
                                  "{soft: 80%, hard: 95%}"),
    field<&Overload::retry_after>("retry_after",
                                  "When a client that was refused is told to return.", "1s"),
    field<&Overload::replay_buffers>("replay_buffers",
                                     "The most that is kept of request bodies for other attempts.",
                                     "{memory: 64MiB}"),
};
constexpr std::array kOverloadGroups = {Group{kOverloadFields}};

constexpr std::array kForwardFields = {
    field<&Forward::enabled>(
        "enabled",
        "Whether CONNECT and absolute-form requests may go to hosts without an upstream.", "true"),
    field<&Forward::allow_hosts, Kind::kHosts>(
        "allow_hosts", "Hosts that may be reached; `.example.com` allows all names below it.",
        "[api.example.com, .example.org]"),
    field<&Forward::allow_cidrs, Kind::kNetwork>(
        "allow_cidrs",
        "Private networks that may be reached. Without it only public addresses are.",
        "[10.1.0.0/16]"),
    field<&Forward::ports>("ports", "Ports that may be reached.", "[443, 80]", {.max = 65535}),
};
constexpr std::array kForwardGroups = {Group{kForwardFields}};

constexpr std::array kDrainFields = {
    field<&Drain::announce>(
        "announce",
        "On SIGTERM readiness fails first, and for so long new connections are still accepted.",
        "2s", kZeroToo),
    field<&Drain::streams>(
        "streams", "Then requests that are under way may take so long to finish.", "10m", kZeroToo),
};
constexpr std::array kDrainGroups = {Group{kDrainFields}};

constexpr std::array kAccessLogFields = {
    field<&AccessLog::enabled>("enabled", "Whether each request is logged.", "false"),
    field<&AccessLog::path>("path", "`stdout`, `stderr`, or a file, which SIGHUP opens again.",
                            "/var/log/outrigger/access.log"),
};
constexpr std::array kAccessLogGroups = {Group{kAccessLogFields}};

constexpr std::array kServerFields = {
    field<&Server::listen>(
        "listen",
        "Where clients reach the proxy: `address:port`, `[v6]:port` or `unix:/path`, one "
        "or a list.",
        "[127.0.0.1:4170, \"[::1]:4170\"]"),
    field<&Server::admin>("admin", "Where the admin API listens.", "127.0.0.1:4172"),
    field<&Server::health>("health", "Where /livez, /readyz, /startupz and /metrics are served.",
                           "127.0.0.1:4173"),
    field<&Server::tls>("tls", "Makes the proxy port speak TLS.",
                        "{certificate_file: server.crt, key_file: server.key}"),
    or_word(field<&Server::workers>("workers", "Threads that serve requests; `auto` is one a core.",
                                    "2", {.max = 1024}),
            "auto"),
    field<&Server::drain>("drain", "How the process ends without cutting requests off.",
                          "{announce: 2s, streams: 10m}"),
    field<&Server::limits>("limits", "Bounds on what a client may ask for.", "{connections: 5000}"),
    field<&Server::overload>("overload",
                             "What happens when the proxy itself runs out of something.",
                             "{memory: {hard: 90%}}"),
    field<&Server::forward>("forward", "The forward proxy: hosts that no upstream names.",
                            "{enabled: true, allow_hosts: [.example.com]}"),
    field<&Server::access_log>("access_log", "One line for each request.", "{path: stderr}"),
    field<&Server::log_format>(
        "log_format", "The form of all log lines; `auto` is text on a terminal and JSON elsewhere.",
        "json"),
    field<&Server::watch>(
        "watch", "Whether a change of the configuration file is loaded by itself.", "false"),
    field<&Server::max_series>(
        "max_series", "The most metric series; further label values are counted as `_other`.",
        "10000", {.min = 100, .max = 10'000'000}),
};
constexpr std::array kServerGroups = {Group{kServerFields}};

constexpr std::array kStoreFields = {
    field<&Store::path>("path", "The folder of all data that must survive a restart.",
                        "/var/lib/outrigger"),
    field<&Store::encryption_key>(
        "encryption_key",
        "Encrypts what is stored. Written as `${NAME}` or `file:/path`, never in the file.",
        "\"${OUTRIGGER_STORE_KEY}\""),
    field<&Store::previous_encryption_key>(
        "previous_encryption_key",
        "What `encryption_key` was before: needed for one start after it was changed.",
        "\"${OUTRIGGER_STORE_KEY}\""),
    field<&Store::max_size>("max_size",
                            "The most bytes of answers that are kept for keys; beyond, requests "
                            "with a new key are refused with 503.",
                            "16GiB", {.min = 1024 * 1024}),
    field<&Store::cache>("cache", "Where answers are kept that `cache` asks for.",
                         "{memory: 256MiB, disk: 10GiB}"),
};
constexpr std::array kStoreGroups = {Group{kStoreFields}};

constexpr Block kServerTls{"server.tls", "TLS on the proxy port.", kTlsGroups,
                           default_of<ServerTls>};
constexpr Block kLimits{"server.limits",
                        "Bounds on what a client may ask for. At a bound the proxy refuses.",
                        kLimitGroups, default_of<ServerLimits>};
constexpr Block kWatermarks{"server.overload.marks",
                            "Two marks of something that runs out; `none`: it is not watched.",
                            kWatermarkGroups, default_of<Watermarks>};
constexpr Block kReplayBuffers{"server.overload.replay_buffers",
                               "Request bodies that are kept for other attempts.",
                               kReplayBufferGroups, default_of<ReplayBuffers>};
constexpr Block kOverload{"server.overload",
                          "What happens when the proxy itself runs out of something: it sheds work "
                          "and never crashes.",
                          kOverloadGroups, default_of<Overload>};
constexpr Block kForward{"server.forward", "The forward proxy.", kForwardGroups,
                         default_of<Forward>};
constexpr Block kDrain{"server.drain", "How the process ends.", kDrainGroups, default_of<Drain>};
constexpr Block kAccessLog{"server.access_log", "The access log.", kAccessLogGroups,
                           default_of<AccessLog>};
constexpr Block kServer{"server", "The process itself: where it listens and what it bears.",
                        kServerGroups, default_of<Server>};
constexpr Block kStore{"store", "Data on disk.", kStoreGroups, default_of<Store>};

}  // namespace

template <>
const Block& block_of<ServerTls>() {
  return kServerTls;
}
template <>
const Block& block_of<ServerLimits>() {
  return kLimits;
}
template <>
const Block& block_of<Watermarks>() {
  return kWatermarks;
}
template <>
const Block& block_of<ReplayBuffers>() {
  return kReplayBuffers;
}
template <>
const Block& block_of<Overload>() {
  return kOverload;
}
template <>
const Block& block_of<Forward>() {
  return kForward;
}
template <>
const Block& block_of<Drain>() {
  return kDrain;
}
template <>
const Block& block_of<AccessLog>() {
  return kAccessLog;
}
template <>
const Block& block_of<Server>() {
  return kServer;
}
template <>
const Block& block_of<Store>() {
  return kStore;
}

}  // namespace outrigger::config
