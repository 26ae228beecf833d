// The keys of the policies, but for those inside `retry` and `circuit_breaker`
// (retry_declarations.cc).
#include <array>

#include "config/blocks.h"
#include "config/classify_codec.h"
#include "config/words.h"

namespace outrigger::config {
namespace {

using namespace std::string_view_literals;
using Kind = Type::Kind;

constexpr std::array kErrorFormats = {"openai"sv, "anthropic"sv, "problem"sv};
constexpr std::array kDecisionHeaders = {"standard"sv, "full"sv};
constexpr std::array kScopes = {"default"sv, "model"sv, "credential"sv, "endpoint"sv};
constexpr std::array kUntils = {"none"sv, "next_day_utc"sv, "next_day_pacific"sv,
                                "next_month_utc"sv};
constexpr std::array kCommitUntils = {"first_event"sv, "on_complete"sv, "head"sv};

// RFC 9209 2.3, those that an attempt can end with.
constexpr std::array kFailures = {"dns_timeout"sv,
                                  "dns_error"sv,
                                  "destination_not_found"sv,
                                  "destination_unavailable"sv,
                                  "destination_ip_prohibited"sv,
                                  "destination_ip_unroutable"sv,
                                  "connection_refused"sv,
                                  "connection_terminated"sv,
                                  "connection_timeout"sv,
                                  "connection_read_timeout"sv,
                                  "connection_write_timeout"sv,
                                  "connection_limit_reached"sv,
                                  "tls_protocol_error"sv,
                                  "tls_certificate_error"sv,
                                  "tls_alert_received"sv,
                                  "http_request_error"sv,
                                  "http_request_denied"sv,
                                  "http_response_incomplete"sv,
                                  "http_response_header_section_size"sv,
                                  "http_response_header_size"sv,
                                  "http_response_body_size"sv,
                                  "http_response_trailer_section_size"sv,
                                  "http_response_trailer_size"sv,
                                  "http_response_transfer_coding"sv,
                                  "http_response_content_coding"sv,
                                  "http_response_timeout"sv,
                                  "http_upgrade_failed"sv,
                                  "http_protocol_error"sv,
                                  "proxy_internal_error"sv,
                                  "proxy_configuration_error"sv,
                                  "proxy_loop_detected"sv};

}  // namespace

template <>
inline constexpr std::span<const std::string_view> kWordsOf<ErrorFormat> = kErrorFormats;
template <>
inline constexpr std::span<const std::string_view> kWordsOf<DecisionHeaders> = kDecisionHeaders;
template <>
inline constexpr std::span<const std::string_view> kWordsOf<Scope> = kScopes;
template <>
inline constexpr std::span<const std::string_view> kWordsOf<Until> = kUntils;
template <>
inline constexpr std::span<const std::string_view> kWordsOf<Replay> = kReplayNames;
template <>
inline constexpr std::span<const std::string_view> kWordsOf<CommitUntil> = kCommitUntils;
template <>
inline constexpr std::span<const std::string_view> kWordsOf<Dialect> = kDialectNames;
template <>
inline constexpr std::span<const std::string_view> kWordsOf<Shadowed> = kShadowedNames;

namespace {

// ---- timeouts ----

constexpr std::array kProgressFields = {
    field<&Progress::events>("events", "So many events, at least,", "5", {.max = 1'000'000}),
    field<&Progress::per>("per", "in each such time.", "60s", {.min = 1'000'000'000}),
};
constexpr std::array kProgressGroups = {Group{kProgressFields}};

constexpr std::array kTimeoutFields = {
    field<&Timeouts::connect>("connect", "Opening the connection to an endpoint.", "2s"),
    field<&Timeouts::tls>("tls", "The TLS handshake with an endpoint.", "3s"),
    field<&Timeouts::headers>(
        "headers",
        "From the request fully sent to the head of the answer. Language models think "
        "before they answer: minutes, not seconds.",
        "10m"),
    field<&Timeouts::first_event>(
        "first_event",
        "Of a stream: from the request fully sent to the first event that says something; pings, "
        "comments and opening events do not.",
        "2m"),
    field<&Timeouts::first_event_per_mib>(
        "first_event_per_mib",
        "Added to `first_event` for each MiB of the request: long prompts take longer to read.",
        "60s"),
    field<&Timeouts::gap>("gap", "Between two bytes of a body, in either direction.", "5m"),
    field<&Timeouts::progress>(
        "progress",
        "The least that a stream must bring after its first event: catches a trickle that no timer "
        "between two bytes sees.",
        "{events: 5, per: 60s}"),
    field<&Timeouts::total>(
        "total", "The whole attempt. Never applied to streams: text/event-stream, gRPC, upgrades.",
        "2m"),
};
constexpr std::array kTimeoutGroups = {Group{kTimeoutFields}};

// ---- classify ----

constexpr Type kFailureType{.kind = Kind::kFailure, .words = kFailures};
constexpr Type kFailuresType{.kind = Kind::kList, .element = &kFailureType};

constexpr std::array kRuleFields = {
    field<&ClassifyRule::status>("status", "The answer has one of these statuses.",
                                 "[429, 5xx, 500-504]"),
    field<&ClassifyRule::error>(
        "error", "One of the `error_fields` holds one of these, in upper or lower case.",
        "[insufficient_quota]"),
    field<&ClassifyRule::message>(
        "message", "One of the `message_fields` contains one of these, in upper or lower case.",
        "[\"too large\"]"),
    field<&ClassifyRule::header>(
        "header", "Each of these headers has the value, in upper or lower case; `\"*\"` is any.",
        "{x-ratelimit-remaining: \"0\"}"),
    field<&ClassifyRule::json>("json",
                               "At each of these JSON pointers into the answer is the value; "
                               "`\"*\"` is any. A test in its "
                               "place: `at_least`, `at_most`, `contains`. A part `*` of a pointer "
                               "is every element of a list: one must fit.",
                               "{/policyName: DAILY, /total: {at_least: 1}}"),
    of_type(field<&ClassifyRule::failure>(
                "failure",
                "The attempt ended without a whole answer and with one of these errors, in the "
                "words of RFC 9209 section 2.3.",
                "[connection_timeout]"),
            kFailuresType),
    field<&ClassifyRule::in_stream>(
        "in_stream", "`true`: an error event in a stream that began with a success; `false`: not.",
        "true"),
    field<&ClassifyRule::verdict>("verdict", "What such an attempt is. Required.", "transient"),
    field<&ClassifyRule::wait>("wait", "At least so long before the next try.", "60s"),
    field<&ClassifyRule::until>(
        "until", "When the quota comes back, unless the provider names a later time.",
        "next_month_utc"),
    field<&ClassifyRule::scope>("scope", "What the verdict holds for: the breaker that it moves.",
                                "model"),
};
constexpr std::array kRuleGroups = {Group{kRuleFields}};

// ---- verify ----

constexpr std::array kFoundFields = {
    field<&Verify::found_status>("status", "The answer has one of these statuses; none: 2xx.",
                                 "[2xx]"),
    field<&Verify::found_json>(
        "json",
        "At each of these JSON pointers into the answer is the value, or the "
        "test holds; as in `classify`.",
        "{/total: {at_least: 1}}"),
};
constexpr std::array kFoundGroups = {Group{kFoundFields}};
constexpr Type kFoundType{.kind = Kind::kBlock, .block = verify_found_block};

constexpr std::array kVerifyFields = {
    field<&Verify::get, Kind::kTemplate>(
        "get",
        "What to ask for on the upstream. `{idempotency-key}` is the key of the request, "
        "`{/json/pointer}` a value of its body. Required.",
        "\"/invoices?external_id={idempotency-key}\""),
    Field{.key = "found",
          .type = kFoundType,
          .description = "Which answer says that the write happened; all must hold.",
          .example = "{status: [2xx], json: {/total: {at_least: 1}}}",
          .decode = [](Decoder& decoder, const Field& self, const Node& node,
                       void* object) { decoder.block(self.type.block(), node, object); },
          .dump = [](const Field& self, const void* object) -> std::optional<Node> {
            return dump_block(self.type.block(), object);
          }},
    field<&Verify::settle>("settle",
                           "From the lost answer to the first question, and between two questions.",
                           "2s", {.min = 0}),
    field<&Verify::negatives>("negatives",
                              "So many times in a row not found before the request is sent again.",
                              "2", {.max = 100}),
    field<&Verify::timeout>("timeout", "The longest time of one question.", "10s"),
};
constexpr std::array kVerifyGroups = {Group{kVerifyFields}};

// ---- commit ----

constexpr std::array kCommitFields = {
    field<&Commit::until>(
        "until",
        "How much of an answer is held back, so that a failure can still be retried: up to a "
        "stream's `first_event` that says something, the whole answer (`on_complete`), or nothing "
        "(`head`).",
        "first_event"),
    field<&Commit::max_bytes>(
        "max_bytes", "The most that is held of a stream before its first event; then it is sent.",
        "256KiB", {.max = 1 << 30}),
    field<&Commit::max_answer>("max_answer", "The most that is held of a whole answer.", "16MiB",
                               {.max = 1 << 30}),
    field<&Commit::keep_alive>(
        "keep_alive",
        "Comments are sent to the client of an event stream while it waits; its status goes out "
        "before the outcome is known.",
        "15s", {.min = 1'000'000'000}),
};
constexpr std::array kCommitGroups = {Group{kCommitFields}};

constexpr Block kProgress{"timeouts.progress",
                          "The least that a stream must bring; `none` is no such bound.",
                          kProgressGroups, default_of<Progress>};
constexpr Block kTimeouts{"timeouts", "The timers of one attempt.", kTimeoutGroups,
                          default_of<Timeouts>};
constexpr Block kRule{
    "classify[]",
    "What an attempt with these marks is. All conditions that are written must hold; in one list, "
    "one value is enough. A rule that names neither a status nor a failure is for statuses from "
    "400 "
    "and for error events, whose code counts as their status. The first rule that holds decides; "
    "what no rule names is judged by its status, or by its failure. `outrigger classify` tries "
    "them.",
    kRuleGroups, default_of<ClassifyRule>};
constexpr Block kVerify{"verify",
                        "How to find out whether a write happened whose answer was lost; for "
                        "`replay: verify`.",
                        kVerifyGroups, default_of<Verify>};
constexpr Block kFound{"verify.found", "Which answer says that the write happened.", kFoundGroups,
                       default_of<Verify>};
constexpr Block kCommit{"commit", "When an answer begins to reach the client.", kCommitGroups,
                        default_of<Commit>, "until"};

constexpr Type kRuleType{.kind = Kind::kBlock, .block = block_of<ClassifyRule>};
constexpr Type kRulesType{.kind = Kind::kList, .element = &kRuleType};

}  // namespace

constexpr std::array<Field, 25> kPolicyFields = {
    field<&Policies::timeouts>("timeouts",
                               "How long each part of one attempt may take. `none` is no timer.",
                               "{headers: 20s, total: 60s}"),
    field<&Policies::deadline>(
        "deadline", "How long a request may take with all its attempts, to the head of the answer.",
        "2m"),
    Field{.key = "classify",
          .type = kRulesType,
          .description = "Rules that say what an attempt was. Those of a nearer level are put in "
                         "front of those below it: route, upstream, profile, defaults.",
          .example = "[{status: 409, error: [UNABLE_TO_LOCK_ROW], verdict: transient}]",
          .decode = decode_classify,
          .dump = dump_classify},
    field<&Policies::error_fields, Kind::kPointer>(
        "error_fields", "Where in an error's body its code stands, for `error` in `classify`.",
        "[/error/code, /error/type]"),
    field<&Policies::message_fields, Kind::kPointer>(
        "message_fields", "Where in an error's body its text stands, for `message` in `classify`.",
        "[/error/message]"),
    field<&Policies::retry>("retry", "Which failures are tried again, how often and when.",
                            "{max_attempts: 4, backoff: {base: 1s}}"),
    or_word(field<&Policies::replay>(
                "replay",
                "Whether a request may be sent again: `safe` always, `keyed` with its idempotency "
                "key, `verify` once it is known not to have happened, `unsent` only when it was "
                "not executed, `never` not at all. `by_method`: `safe` for GET, HEAD, OPTIONS, "
                "PUT, DELETE and TRACE, `unsent` for all others.",
                "safe"),
            "by_method"),
    field<&Policies::verify>("verify", "How to find out whether a write happened.",
                             "{get: \"/invoices?external_id={idempotency-key}\"}"),
    field<&Policies::circuit_breaker>("circuit_breaker",
                                      "When a sick upstream is left alone, and when it is tried.",
                                      "{failures_in_a_row: 10}"),
    field<&Policies::rate_limit>("rate_limit",
                                 "How many requests and tokens an upstream is sent in a time.",
                                 "{requests: 60/min}"),
    field<&Policies::concurrency>("concurrency", "How many requests an upstream has at a time.",
                                  "{start: 8, max: 64}"),
    field<&Policies::hedge>("hedge", "A second request while the first takes long.", "{after: 2s}"),
    field<&Policies::fallback>("fallback", "Second ways when the first has failed for good.",
                               "[{model: gpt-5-mini, if: [overloaded]}]"),
    field<&Policies::validate>("validate",
                               "What a good answer looks like, and how a bad one is "
                               "mended.",
                               "{repair: {prompts: 1}}"),
    field<&Policies::credentials>("credentials", "Keys that the proxy adds to requests.",
                                  "{keys: [\"${API_KEY}\"]}"),
    field<&Policies::loop_guard>(
        "loop_guard", "Answers a request from memory that fails with the same error every time.",
        "{failures: 3}"),
    field<&Policies::idempotency>("idempotency",
                                  "A request with a key is executed once; a repetition gets the "
                                  "stored answer, or joins the call in flight.",
                                  "{keep: 24h}"),
    field<&Policies::on_client_gone>(
        "on_client_gone",
        "What becomes of a request with a key, or of one whose answer the cache may keep, when its "
        "last client leaves.",
        "finish"),
    field<&Policies::cache>("cache", "An answer that is there is not asked for again.",
                            "{ttl: 10m, if: {json: {/temperature: 0}}}"),
    field<&Policies::shadow>(
        "shadow",
        "Policies that change nothing and only say what they would have done, in the access log "
        "and in `outrigger_would_have_total`.",
        "[circuit_breaker]"),
    field<&Policies::commit>("commit", "How much of an answer is held before it is sent on.",
                             "on_complete"),
    field<&Policies::dialect>(
        "dialect",
        "The grammar of the streams: what says something, what is an error, what is the end. "
        "`auto` finds out from the first event; `json` has no streams, but documents that must be "
        "whole; `none` looks at neither. Answers with a grammar of streams are asked for without "
        "compression.",
        "openai"),
    field<&Policies::error_format>("error_format",
                                   "The shape of errors that the proxy itself answers: what the "
                                   "official SDKs of a provider read, or "
                                   "`application/problem+json` with an `error` member.",
                                   "openai"),
    field<&Policies::headers>(
        "headers",
        "Which response headers tell of the proxy's decisions: `full` adds timings and attempts.",
        "full"),
    field<&Policies::max_request_body>("max_request_body", "A larger request is refused with 413.",
                                       "32MiB"),
};

template <>
const Block& block_of<Timeouts>() {
  return kTimeouts;
}
template <>
const Block& block_of<Progress>() {
  return kProgress;
}
template <>
const Block& block_of<ClassifyRule>() {
  return kRule;
}
template <>
const Block& block_of<Verify>() {
  return kVerify;
}
const Block& verify_found_block() {
  return kFound;
}
template <>
const Block& block_of<Commit>() {
  return kCommit;
}

}  // namespace outrigger::config
