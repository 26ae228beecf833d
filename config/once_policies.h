// What `idempotency` and `on_client_gone` say (durability 4): each request once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/duration.h"

namespace outrigger::config {

using ByteCount = std::uint64_t;

// ---- idempotency ----

// Whose keys are apart from whose.
enum class KeyOwner : std::uint8_t {
  kCredential,   // each credential's, as the client sends it
  kCertificate,  // each client certificate's
  kHeader,       // each value's of `owner_header`
  kAnyone,       // one space for all
};

// What makes two requests with one key the same, besides method and target.
enum class FingerprintOf : std::uint8_t {
  kBytes,  // the body's bytes
  kJson,   // its JSON: members in any order, numbers as they are written
};

// What a request gets whose key is being executed.
enum class OnDuplicate : std::uint8_t { kJoin, kRefuse };

// How the upstream is told the key.
struct UpstreamKey {
  std::string header = "idempotency-key";  // lower case; empty: in no header
  std::string json;                        // RFC 6901, in the body; empty: not in it
  std::uint32_t max_length = 255;          // a longer key is replaced by a hash of it
  Duration horizon = 1h;                   // for so long the upstream knows it again
  bool operator==(const UpstreamKey&) const = default;
};

// A key executes once (durability 4).
struct Idempotency {
  std::string header = "idempotency-key";  // lower case
  std::string json;                        // RFC 6901: where else in the body the key stands
  bool required = false;                   // a request without one is refused, where it is a write
  bool steps = true;        // execution and step make a key where the client sends none
  bool sdk_retries = true;  // a repetition that a client's library announces is one of its request
  KeyOwner owner = KeyOwner::kCredential;
  std::string owner_header;  // lower case; of KeyOwner::kHeader
  FingerprintOf fingerprint = FingerprintOf::kBytes;
  std::vector<std::string> exclude;  // RFC 6901: of no account for FingerprintOf::kJson
  OnDuplicate duplicates = OnDuplicate::kJoin;
  Duration wait = 30s;       // for a running execution, to the head of its answer
  Duration keep = 24h;       // an answer
  Duration remember = 168h;  // the key after that
  bool reuse = false;        // a key whose answer is not kept any more may be used again
  ByteCount max_answer = 32 * 1024 * 1024;  // a longer one is not kept
  bool resume = false;  // event streams have ids of ours, and Last-Event-ID is understood
  UpstreamKey upstream;
  bool operator==(const Idempotency&) const = default;
};

// What becomes of an execution, or of a fill of the cache, whose last client has left.
struct OnClientGone {
  enum class Then : std::uint8_t { kFinish, kCancel, kFinishIf };
  Then then = Then::kFinish;
  std::optional<ByteCount> bytes;   // kFinishIf: so much of the answer is there
  std::optional<Duration> elapsed;  // kFinishIf: it runs for so long
  Duration time = 120s;             // it is cancelled after that
  std::uint32_t most = 64;          // so many at a time, of one route and worker
  bool operator==(const OnClientGone&) const = default;
};

}  // namespace outrigger::config
