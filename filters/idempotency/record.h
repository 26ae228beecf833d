// The record of an idempotency key: what is known of the one execution that the key stands for
// (durability 4.2). Pure: next() is the only way from state to state, and says what must be on disk
// before the world may see it. Owned by whoever holds the key's lock; see reply.h for duplicates.
//
//   absent ──claim──▶ claimed ──send──▶ dispatched(n) ──head──▶ responding(n) ──whole──▶ completed
//     ▲                │  ▲                │ │ └────unexecuted────┐ │ │                    │
//     │              abandon └─claim─┐     │ └─send again (n+1)───┼─┘ │               expire│
//     │                └─▶ released ◀┴─────┴──────────────────────┘   │                    ▼
//     │                       ▲         lost│                     lost│               tombstone
//     │          not found × n│             ▼                         │                 ▲  │
//     │                   verifying ◀─probe─ unknown ◀────────────────┘          discard│  │expire
//     │              found│   └──unclear───▶ │ │ └─send again: where a repetition does  │  ▼
//     │                   ▼                  │ │   no harm ──▶ dispatched(n+1)        dead absent
//     │               completed       give up│ └──────────────────────────────────────▶  │
//     └────────────────────────expire────────┴── resubmitting ◀─────────resubmit─────────┘
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <string_view>

#include "config/policies.h"

namespace outrigger::filters {

enum class RecordState : std::uint8_t {
  kAbsent,        // no record, or one whose time is over
  kClaimed,       // somebody has the key; nothing was sent
  kDispatched,    // the attempt may have reached the upstream
  kResponding,    // the head of its answer is here, the rest is coming
  kCompleted,     // the answer can be replayed
  kReleased,      // provably not executed: the key is free for the same request
  kUnknown,       // may have been executed
  kVerifying,     // a probe asks whether it was
  kDead,          // failed for good, or never found out: a dead letter has it
  kResubmitting,  // an operator has it sent again
  kTombstone,     // the answer is gone, the key is remembered
};

inline constexpr std::array<std::string_view, 11> kRecordStates = {
    "absent",  "claimed",   "dispatched", "responding",   "completed", "released",
    "unknown", "verifying", "dead",       "resubmitting", "tombstone"};
constexpr std::string_view to_string(RecordState state) noexcept {
  return kRecordStates[static_cast<std::size_t>(state)];
}

enum class RecordEvent : std::uint8_t {
  kClaim,           // a request takes the key
  kPromise,         // its client is told 202: from here on it must end with an answer or dead
  kAbandon,         // nobody waits any more, or a limit or a breaker refused; nothing was sent
  kSend,            // an attempt is about to be sent
  kUnexecuted,      // it was provably not executed, and is not sent again
  kSendUnexecuted,  // it was provably not executed, and is about to be sent again
  kSendRefused,     // its answer allows a repetition, which is about to be sent
  kHead,            // the head of its answer
  kWhole,           // all of its answer, which is one that is kept
  kLost,            // no answer, or half of one: a time-out, a reset, a missing terminator
  kExhausted,       // its answer is a failure that nothing is left to try against
  kProbe,           // a probe is about to ask
  kFound,           // the probe's answer: executed
  kNotFound,        // not executed, as far as it can see
  kUnclear,         // no answer that means anything
  kSendUnknown,     // may have been executed; about to be sent again nevertheless
  kGiveUp,          // nothing but a person can tell
  kResubmit,        // a person sends it again, as it was
  kResubmitEdited,  // or changed: a new generation, a new key upstream
  kDiscard,         // a person wants no more of it
  kExpire,          // its time is over
  kRestart,         // the process that had it is gone; a later epoch finds the record
};
inline constexpr int kRecordEvents = static_cast<int>(RecordEvent::kRestart) + 1;

// What the machine needs to know of a route's policies. Times in milliseconds.
struct RecordRules {
  config::Replay replay = config::Replay::kUnsent;
  bool can_probe = false;
  std::uint32_t negatives = 2;  // of a probe in a row, before "not found" is believed
  std::uint32_t most_probes = 10;
  std::int64_t settle_ms = 2'000;          // after the loss, before a negative counts
  std::int64_t horizon_ms = 3'600'000;     // for which the upstream honours its key
  std::int64_t keep_ms = 86'400'000;       // a finished answer
  std::int64_t remember_ms = 604'800'000;  // the key after that
  bool claims_tombstones = false;          // a key whose answer is gone may be used anew
};

struct Record {
  RecordState state = RecordState::kAbsent;
  bool promised = false;         // 202 was said
  bool doubtful = false;         // an attempt that is over may have been executed
  std::uint32_t generation = 0;  // one more for each edited resubmission
  std::uint32_t attempt = 0;     // the last one that was sent, or is about to be; never falls
  std::uint32_t probes = 0;      // asked since the outcome was lost
  std::uint32_t negatives = 0;   // of them, in a row up to now
  std::uint64_t epoch = 0;       // of the process that had it last; never falls
  // Wall clock, 0: never.
  std::int64_t first_sent_ms = 0;  // of this generation: the upstream's horizon runs from it
  std::int64_t lost_ms = 0;
  std::int64_t expires_ms = 0;

  bool operator==(const Record&) const = default;
};

// Who says it: word of an attempt that is no longer the last one means nothing.
struct Occurrence {
  RecordEvent event;
  std::int64_t now_ms = 0;
  std::uint64_t epoch = 0;    // of the process it happened in
  std::uint32_t attempt = 0;  // that it is about; of no account for events that are about none
};

// What must be on disk.
enum class Barrier : std::uint8_t {
  kNone,     // nothing: losing it loses nothing
  kOrdered,  // some time, in order with what else this record writes
  kSynced,   // before what follows from it is seen outside: a byte to the upstream, the end of an
             // answer to a client, a promise
};

struct Step {
  Record record;
  Barrier barrier = Barrier::kNone;
  // Of a send that the upstream's memory of the key makes harmless: when that memory ends. Whoever
  // comes back from the disk later than this sends nothing, and says kLost. 0: at any time.
  std::int64_t send_before_ms = 0;
};

enum class NoStep : std::uint8_t {
  kStale,    // of an attempt or an epoch that is over: to be dropped
  kIllegal,  // a bug of whoever asked: refused, and nothing changes
};

// Where it leads. Forbidden by the rules is illegal, too: a send that could execute twice.
[[nodiscard]] std::expected<Step, NoStep> next(const Record& record, const Occurrence& what,
                                               const RecordRules& rules) noexcept;

// The record as a sweep at that time would leave it: what its expiry is still to bring has come.
[[nodiscard]] Record as_of(const Record& record, const RecordRules& rules,
                           std::int64_t now_ms) noexcept;

// Whether a process is at work on it: such a record is found by a restart (durability 4.2).
[[nodiscard]] bool is_in_flight(RecordState state) noexcept;

// Whether what may have been executed may be sent again without asking: a repetition does no harm,
// or the upstream still honours the key.
[[nodiscard]] bool may_send_unknown(const Record& record, const RecordRules& rules,
                                    std::int64_t now_ms) noexcept;

}  // namespace outrigger::filters
