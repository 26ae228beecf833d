// The keys of `cache` and `store.cache`: never paid twice.
#include <array>

#include "config/blocks.h"

namespace outrigger::config {
namespace {

using namespace std::string_view_literals;
using Kind = Type::Kind;

constexpr std::array kPaces = {"at_once"sv, "recorded"sv};
constexpr std::array kModes = {"shared"sv, "private"sv};
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kMebibyte = 1024 * 1024;

}  // namespace

template <>
inline constexpr std::span<const std::string_view> kWordsOf<ReplayPace> = kPaces;
template <>
inline constexpr std::span<const std::string_view> kWordsOf<PageCache::Mode> = kModes;

namespace {

// ---- cache.http ----

constexpr std::array kPageFields = {
    field<&PageCache::mode>(
        "mode",
        "`shared`: one store for all, so what is `private`, or came for a credential without being "
        "`public`, is not kept. `private`: each owner (`cache.owner`) has a store.",
        "private"),
    field<&PageCache::obey_cdn>(
        "obey_cdn", "Whether `CDN-Cache-Control` (RFC 9213) stands above `Cache-Control`.", "true"),
    field<&PageCache::heuristic>(
        "heuristic",
        "An answer that says nothing of its lifetime is fresh for a tenth of the time since its "
        "`Last-Modified`, and for this at most.",
        "10m", {.min = kSecond}),
    field<&PageCache::stale_if_error>(
        "stale_if_error",
        "How long out of date an answer may be that is given instead of a 500, 502, 503, 504 or no "
        "answer, where it says nothing of that itself.",
        "1h", {.min = kSecond}),
    field<&PageCache::stale_while_revalidate>(
        "stale_while_revalidate",
        "How long out of date an answer may be that is given at once, while it is asked for anew, "
        "where it says nothing of that itself.",
        "30s", {.min = kSecond}),
};
constexpr std::array kPageGroups = {Group{kPageFields}};

// ---- cache ----

constexpr std::array kIfFields = {
    field<&Cache::if_json>("json",
                           "At each of these JSON pointers into the request is the value, or the "
                           "test holds; as in `classify`.",
                           "{/temperature: 0}"),
};
constexpr std::array kIfGroups = {Group{kIfFields}};
constexpr Type kIfType{.kind = Kind::kBlock, .special = "none", .block = cache_if_block};

void decode_if(Decoder& decoder, const Field& self, const Node& node, void* object) {
  if (!is_special(self, node)) return decoder.block(self.type.block(), node, object);
  static_cast<Cache*>(object)->if_json.clear();
  decoder.reset_below(node);
  decoder.remember(node);
}

std::optional<Node> dump_if(const Field& self, const void* object) {
  if (!static_cast<const Cache*>(object)->if_json.empty()) {
    return dump_block(self.type.block(), object);
  }
  return Node::scalar(std::string(self.type.special));
}

constexpr std::array kFields = {
    field<&Cache::ttl>("ttl",
                       "For so long the answer to a POST is given to the same request again, where "
                       "`replay` is `safe`. GET and HEAD go by `http`.",
                       "10m", {.min = kSecond}),
    field<&Cache::stale>("stale",
                         "It is kept for so long after that, for `fallback: [{stale: 24h}]`.",
                         "24h", {.min = 0}),
    Field{.key = "if",
          .type = kIfType,
          .description = "Which POSTs: what must hold of the request. `none`: all.",
          .example = "{json: {/temperature: 0}}",
          .decode = decode_if,
          .dump = dump_if},
    field<&Cache::ignore, Kind::kPointer>(
        "ignore",
        "Members of a POST's JSON that are of no account: requests that differ in nothing else get "
        "the same answer.",
        "[/user, /metadata]"),
    field<&Cache::headers, Kind::kFieldName>(
        "headers",
        "Headers that tell POSTs apart, besides those that are known to (versions, betas, "
        "organisations).",
        "[X-Tenant]"),
    field<&Cache::tool_calls>(
        "tool_calls",
        "Whether answers that call tools are kept, and those to requests that tell of calls. Who "
        "gets such an answer again calls the tools again.",
        "true"),
    field<&Cache::streams>(
        "streams",
        "Whether a stored stream is sent `at_once`, or with the pauses that were `recorded`.",
        "recorded"),
    field<&Cache::samples>(
        "samples", "So many answers to one request are kept, of which each request gets any.", "4",
        {.max = 100}),
    field<&Cache::owner>(
        "owner",
        "Whose answers are apart from whose: each `credential`'s as the client sends it, each "
        "client `certificate`'s, each value's of the header `owner_header` (`header`), or `anyone` "
        "gets what anyone got.",
        "certificate"),
    field<&Cache::owner_header, Kind::kFieldName>(
        "owner_header", "For `owner: header`: the header that names the owner.", "X-Agent-Id"),
    field<&Cache::collapse>(
        "collapse", "Whether a request for what is on its way gets that, as it comes.", "false"),
    field<&Cache::max_answer>("max_answer", "A longer answer passes, and is not kept.", "1MiB",
                              {.min = 1024, .max = 1024 * kMebibyte}),
    field<&Cache::http>("http", "How answers to GET and HEAD are kept, by RFC 9111.",
                        "{mode: private, heuristic: 10m}"),
};
constexpr std::array kGroups = {Group{kFields}};

// ---- store.cache ----

constexpr std::array kStoreFields = {
    field<&CacheStore::memory>("memory", "The most in memory, of all upstreams together.", "256MiB",
                               {.min = kMebibyte}),
    field<&CacheStore::disk>(
        "disk", "The most on disk, below `store.path`. `none`: nothing outlives the process.",
        "10GiB", {.min = kMebibyte}),
};
constexpr std::array kStoreGroups = {Group{kStoreFields}};

constexpr Block kCache{
    "cache",
    "An answer that is there is not asked for again: to GET and HEAD by the rules of HTTP, to POST "
    "for `ttl`, where `replay: safe` says that it only costs money. Errors, lost and refused "
    "answers, and what refers to something that the provider keeps, are never stored. `none` keeps "
    "nothing.",
    kGroups, default_of<Cache>, "ttl"};
constexpr Block kIf{"cache.if", "Which POSTs; `none`: all.", kIfGroups, default_of<Cache>};
constexpr Block kPage{"cache.http", "Answers to GET and HEAD, by RFC 9111; `none`: not kept.",
                      kPageGroups, default_of<PageCache>, "mode"};
constexpr Block kStore{"store.cache", "Where answers are kept that `cache` asks for.", kStoreGroups,
                       default_of<CacheStore>};

}  // namespace

template <>
const Block& block_of<Cache>() {
  return kCache;
}
const Block& cache_if_block() {
  return kIf;
}
template <>
const Block& block_of<PageCache>() {
  return kPage;
}
template <>
const Block& block_of<CacheStore>() {
  return kStore;
}

}  // namespace outrigger::config
