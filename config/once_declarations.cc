// The keys of `idempotency` and `on_client_gone`: each request once.
#include <array>

#include "config/blocks.h"

namespace outrigger::config {
namespace {

using namespace std::string_view_literals;
using Kind = Type::Kind;

constexpr std::array kFingerprints = {"bytes"sv, "json"sv};
constexpr std::array kDuplicates = {"join"sv, "refuse"sv};
constexpr std::array kThens = {"finish"sv, "cancel"sv, "finish_if"sv};
constexpr Bounds kZeroToo{.min = 0};
constexpr std::uint64_t kSecond = 1'000'000'000;

}  // namespace

template <>
inline constexpr std::span<const std::string_view> kWordsOf<FingerprintOf> = kFingerprints;
template <>
inline constexpr std::span<const std::string_view> kWordsOf<OnDuplicate> = kDuplicates;
template <>
inline constexpr std::span<const std::string_view> kWordsOf<OnClientGone::Then> = kThens;

namespace {

constexpr std::array kUpstreamFields = {
    or_word(field<&UpstreamKey::header, Kind::kText>(
                "header", "The header that carries the key to the upstream.", "PayPal-Request-Id"),
            "none"),
    or_word(field<&UpstreamKey::json, Kind::kPointer>(
                "json", "Where in the request's JSON the key is put.", "/idempotency_key"),
            "none"),
    field<&UpstreamKey::max_length>(
        "max_length", "A longer key is sent as a hash of it, which is always the same.", "64",
        {.min = 16, .max = 255}),
    field<&UpstreamKey::horizon>(
        "horizon",
        "For so long the upstream knows a key again. What may have been executed is not sent "
        "again later than this after it was sent first.",
        "23h", {.min = kSecond}),
};
constexpr std::array kUpstreamGroups = {Group{kUpstreamFields}};

constexpr std::array kFields = {
    field<&Idempotency::header, Kind::kText>("header", "The header with the client's key.",
                                             "Idempotency-Key"),
    or_word(field<&Idempotency::json, Kind::kPointer>(
                "json", "Where in the request's JSON the key stands, if it is in no header.",
                "/idempotency_key"),
            "none"),
    field<&Idempotency::required>(
        "required", "Whether a write (POST, PATCH) without a key is refused with 400.", "true"),
    field<&Idempotency::steps>(
        "steps",
        "Whether `Outrigger-Execution` and `Outrigger-Step` together are a key where there is no "
        "other.",
        "false"),
    field<&Idempotency::sdk_retries>(
        "sdk_retries",
        "Whether a repetition that a client's library announces (`amz-sdk-invocation-id`, "
        "`x-stainless-retry-count`) counts as the request that it repeats.",
        "false"),
    field<&Idempotency::owner>(
        "owner",
        "Whose keys are apart from whose: each `credential`'s as the client sends it, each client "
        "`certificate`'s, each value's of the header `owner_header` (`header`), or `anyone` shares "
        "one space.",
        "certificate"),
    field<&Idempotency::owner_header, Kind::kText>(
        "owner_header", "For `owner: header`: what names the owner; it is not sent on.",
        "X-Agent-Id"),
    field<&Idempotency::fingerprint>(
        "fingerprint",
        "What must be equal, besides method and target: the body's `bytes`, or what its `json` "
        "says, with members in any order and numbers as they are written.",
        "json"),
    field<&Idempotency::exclude, Kind::kPointer>(
        "exclude", "For `fingerprint: json`: members that are of no account.", "[/sent_at]"),
    field<&Idempotency::duplicates>(
        "duplicates",
        "What a repetition gets while the first is executed: its answer, as it comes (`join`), or "
        "409 at once (`refuse`).",
        "refuse"),
    field<&Idempotency::wait>(
        "wait", "A repetition waits so long for the answer to begin; then it gets a 409.", "30s",
        kZeroToo),
    field<&Idempotency::keep>("keep", "How long an answer is kept.", "24h", {.min = kSecond}),
    field<&Idempotency::remember>("remember",
                                  "How long the key is known after that: a repetition gets a 410.",
                                  "7d", {.min = kSecond}),
    field<&Idempotency::reuse>(
        "reuse", "Whether a key whose answer is not kept any more may be used again.", "true"),
    field<&Idempotency::max_answer>(
        "max_answer",
        "A longer answer passes, but is not kept: a repetition gets a 410 instead of it.", "32MiB",
        {.min = 1024}),
    field<&Idempotency::resume>(
        "resume",
        "Whether event streams get ids of the proxy's, so that a client that has lost its "
        "connection goes on behind the last event that it names in `Last-Event-ID`.",
        "true"),
    field<&Idempotency::upstream>("upstream", "How the upstream is told the key.",
                                  "{header: PayPal-Request-Id, max_length: 36}"),
};
constexpr std::array kGroups = {Group{kFields}};

constexpr std::array kGoneFields = {
    field<&OnClientGone::then>(
        "then",
        "`finish` goes on and keeps the answer for whoever asks again, `cancel` ends the "
        "upstream's work, `finish_if` goes on where `bytes` or `elapsed` are reached.",
        "cancel"),
    or_word(field<&OnClientGone::bytes>("bytes", "So much of the answer is there already.", "4KiB"),
            "none"),
    or_word(field<&OnClientGone::elapsed>("elapsed", "It runs for so long already.", "10s"),
            "none"),
    field<&OnClientGone::time>("time", "It is cancelled when it takes longer than this.", "120s",
                               {.min = kSecond}),
    field<&OnClientGone::most>(
        "most", "The most at a time, of one route and worker; the next one is cancelled.", "64",
        {.min = 0, .max = 100'000}),
};
constexpr std::array kGoneGroups = {Group{kGoneFields}};

constexpr Block kIdempotency{
    "idempotency",
    "A request with a key is executed once, over restarts of the client and of the proxy: a "
    "repetition gets the stored answer, or joins the call in flight; what may have been executed "
    "is found out, or told, and never guessed. The first request's deadline holds for the "
    "execution, and answers are asked for without compression, since others may read them. `none` "
    "passes keys on as they are.",
    kGroups, default_of<Idempotency>, "keep"};
constexpr Block kUpstreamKey{"idempotency.upstream", "How the upstream is told the key.",
                             kUpstreamGroups, default_of<UpstreamKey>, "header"};
constexpr Block kGone{"on_client_gone",
                      "What becomes of a request with a key, or of one whose answer the cache "
                      "may keep, when its last client leaves.",
                      kGoneGroups, default_of<OnClientGone>, "then"};

}  // namespace

template <>
const Block& block_of<Idempotency>() {
  return kIdempotency;
}
template <>
const Block& block_of<UpstreamKey>() {
  return kUpstreamKey;
}
template <>
const Block& block_of<OnClientGone>() {
  return kGone;
}

}  // namespace outrigger::config
