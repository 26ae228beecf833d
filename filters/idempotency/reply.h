// What a request gets whose key has a record (durability 4.3). Pure.
#pragma once

#include <array>
#include <cstdint>

#include "filters/idempotency/record.h"

namespace outrigger::filters {

// How a fingerprint was made: stored beside it, so that another configuration does not make every
// repetition a different request.
enum class FingerprintKind : std::uint8_t {
  kRaw,        // of the body's bytes
  kCanonical,  // of its JSON, with members in order and numbers as they were written
};

// Of what makes two requests the same.
struct Fingerprint {
  FingerprintKind kind = FingerprintKind::kRaw;
  std::array<std::uint8_t, 32> sha256 = {};
  bool operator==(const Fingerprint&) const = default;
};

enum class Reply : std::uint8_t {
  kExecute,   // the key is free: claim it
  kJoin,      // wait for the running execution and share its answer; in the end 409
  kReplay,    // the stored answer
  kWait,      // the outcome is being found out: for a while, then 409 `outcome-unknown`
  kDead,      // 409 `dead-lettered`
  kGone,      // 410: the answer is not kept any more
  kMismatch,  // 422: another request has used the key
};

// An answer or a tombstone whose time is over counts as gone, whether or not it was swept.
// `same` is whether the fingerprints are equal, made by the record's kind.
enum class Sameness : std::uint8_t { kSame, kOther };
[[nodiscard]] Reply reply_to(const Record& record, Sameness same, const RecordRules& rules,
                             std::int64_t now_ms) noexcept;

}  // namespace outrigger::filters
