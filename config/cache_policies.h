// What `cache` and `store.cache` say (durability 1.2, 1.3): an answer that is there is not asked
// for again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/json_match.h"
#include "config/once_policies.h"
#include "proxy/base/duration.h"

namespace outrigger::config {

// GET and HEAD, by RFC 9111.
struct PageCache {
  // kShared: one store for all clients, so what is `private` or came for a credential is not kept.
  // kPrivate: each owner (`cache.owner`) has its own.
  enum class Mode : std::uint8_t { kShared, kPrivate };
  Mode mode = Mode::kShared;
  bool obey_cdn = false;              // CDN-Cache-Control (RFC 9213) instead of Cache-Control
  std::optional<Duration> heuristic;  // the longest guess for an answer that says nothing of it
  std::optional<Duration> stale_if_error;          // where the answer says nothing of it
  std::optional<Duration> stale_while_revalidate;  // likewise
  bool operator==(const PageCache&) const = default;
};

// At which pace a stored stream goes to its client.
enum class ReplayPace : std::uint8_t { kAtOnce, kRecorded };

struct Cache {
  // ---- answers to POST, where its repetition is safe: prompts ----
  std::optional<Duration> ttl = 1h;  // nothing: they are not kept
  Duration stale{0};                 // kept for so long after that, for `fallback: [{stale: …}]`
  std::vector<JsonMatch> if_json;    // of the request's JSON: all must hold
  std::vector<std::string> ignore;   // RFC 6901: members of the request that are of no account
  std::vector<std::string> headers;  // request fields, lower case, that are, besides those known
  bool tool_calls = false;           // answers that call tools, and requests that tell of calls
  ReplayPace streams = ReplayPace::kAtOnce;
  std::uint32_t samples = 1;  // so many answers to one prompt, of which each request gets any
  // ---- all ----
  KeyOwner owner = KeyOwner::kCredential;
  std::string owner_header;                // lower case; of KeyOwner::kHeader
  bool collapse = true;                    // who asks for what is on its way gets that
  ByteCount max_answer = 8 * 1024 * 1024;  // a longer one passes, and is not kept
  std::optional<PageCache> http = PageCache{};
  bool operator==(const Cache&) const = default;
};

// Where the process keeps them, of all upstreams together.
struct CacheStore {
  ByteCount memory = 64 * 1024 * 1024;
  std::optional<ByteCount> disk = 1024ull * 1024 * 1024;  // nothing: in memory only
  bool operator==(const CacheStore&) const = default;
};

}  // namespace outrigger::config
