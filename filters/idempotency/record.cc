#include "filters/idempotency/record.h"

#include <algorithm>

namespace outrigger::filters {
namespace {

using enum RecordState;
using enum RecordEvent;

// A way that is drawn. Where several leave a state for one event, the first that is open is taken.
struct Way {
  RecordState from;
  RecordEvent event;
  RecordState to;
  Barrier barrier;
  bool (*open)(const Record&, const RecordRules&, std::int64_t now_ms) = nullptr;  // always
};

bool is_promised(const Record& record, const RecordRules&, std::int64_t) {
  return record.promised;
}
bool is_over(const Record& record, const RecordRules&, std::int64_t now_ms) {
  return now_ms >= record.expires_ms;
}
bool is_reusable(const Record&, const RecordRules& rules, std::int64_t) {
  return rules.claims_tombstones;
}
// An answer is proof that the upstream heard of the request: only where a second execution does no
// harm, or is none, may it be sent again.
bool is_repeatable(const Record& record, const RecordRules& rules, std::int64_t now_ms) {
  return may_send_unknown(record, rules, now_ms);
}
// The proof is of the last attempt alone.
bool is_doubtful(const Record& record, const RecordRules&, std::int64_t) {
  return record.doubtful;
}
bool is_sendable(const Record& record, const RecordRules& rules, std::int64_t now_ms) {
  if (record.doubtful) return may_send_unknown(record, rules, now_ms);
  return rules.replay != config::Replay::kNever;
}
bool can_probe(const Record& record, const RecordRules& rules, std::int64_t) {
  return rules.can_probe && record.probes < rules.most_probes;
}
// The last of the negatives that are believed; an early one could be too early.
bool is_believed(const Record& record, const RecordRules& rules, std::int64_t now_ms) {
  return now_ms - record.lost_ms >= rules.settle_ms && record.negatives + 1 >= rules.negatives;
}

constexpr Barrier kNone = Barrier::kNone;
constexpr Barrier kOrdered = Barrier::kOrdered;
constexpr Barrier kSynced = Barrier::kSynced;

// durability 4.2. Two ways more: an answer that says that nothing was done (401, 429) frees the key
// like any proof does, and a restart during a resubmission leaves it there, since nothing was sent.
constexpr Way kWays[] = {
    {kAbsent, kClaim, kClaimed, kNone},
    {kReleased, kClaim, kClaimed, kNone},
    {kTombstone, kClaim, kClaimed, kNone, is_reusable},

    {kClaimed, kPromise, kClaimed, kSynced},
    {kClaimed, kAbandon, kClaimed, kNone, is_promised},
    {kClaimed, kAbandon, kReleased, kOrdered},
    {kClaimed, kSend, kDispatched, kSynced},
    {kClaimed, kRestart, kClaimed, kOrdered, is_promised},
    {kClaimed, kRestart, kReleased, kOrdered},

    {kDispatched, kUnexecuted, kUnknown, kOrdered, is_doubtful},
    {kDispatched, kUnexecuted, kReleased, kOrdered},
    {kDispatched, kSendUnexecuted, kDispatched, kSynced, is_sendable},
    {kDispatched, kHead, kResponding, kOrdered},
    {kDispatched, kLost, kUnknown, kOrdered},
    {kDispatched, kRestart, kUnknown, kOrdered},
    {kDispatched, kExhausted, kDead, kSynced},

    {kResponding, kUnexecuted, kUnknown, kOrdered, is_doubtful},
    {kResponding, kUnexecuted, kReleased, kOrdered},
    {kResponding, kSendUnexecuted, kDispatched, kSynced, is_sendable},
    {kResponding, kSendRefused, kDispatched, kSynced, is_repeatable},
    {kResponding, kWhole, kCompleted, kSynced},
    {kResponding, kLost, kUnknown, kOrdered},
    {kResponding, kRestart, kUnknown, kOrdered},
    {kResponding, kExhausted, kDead, kSynced},

    {kUnknown, kSendUnknown, kDispatched, kSynced, is_repeatable},
    {kUnknown, kProbe, kVerifying, kNone, can_probe},
    {kUnknown, kGiveUp, kDead, kSynced},
    {kUnknown, kRestart, kUnknown, kOrdered},

    {kVerifying, kFound, kCompleted, kSynced},
    {kVerifying, kNotFound, kReleased, kOrdered, is_believed},
    {kVerifying, kNotFound, kUnknown, kOrdered},
    {kVerifying, kUnclear, kUnknown, kOrdered},
    {kVerifying, kRestart, kUnknown, kOrdered},

    {kDead, kResubmit, kResubmitting, kSynced},
    {kDead, kResubmitEdited, kResubmitting, kSynced},
    {kDead, kDiscard, kTombstone, kSynced},
    {kResubmitting, kSend, kDispatched, kSynced},
    {kResubmitting, kRestart, kResubmitting, kOrdered},

    {kCompleted, kExpire, kTombstone, kOrdered, is_over},
    {kReleased, kExpire, kAbsent, kOrdered, is_over},
    {kTombstone, kExpire, kAbsent, kOrdered, is_over},
};

bool is_of_an_attempt(RecordEvent event) noexcept {
  switch (event) {
    case kUnexecuted:
    case kSendUnexecuted:
    case kSendRefused:
    case kHead:
    case kWhole:
    case kLost:
    case kExhausted:
    case kFound:
    case kNotFound:
    case kUnclear:
      return true;
    default:
      return false;
  }
}

bool is_stale(const Record& record, const Occurrence& what) noexcept {
  if (what.event == kRestart) return what.epoch <= record.epoch;
  if (what.epoch < record.epoch) return true;
  return is_of_an_attempt(what.event) && what.attempt < record.attempt;
}

// Of an attempt that never was, or of another process than the one at work.
bool is_impossible(const Record& record, const Occurrence& what) noexcept {
  if (is_of_an_attempt(what.event) && what.attempt > record.attempt) return true;
  return what.event != kRestart && is_in_flight(record.state) && what.epoch != record.epoch;
}

void forget_loss(Record& record) noexcept {
  record.lost_ms = 0;
  record.probes = 0;
  record.negatives = 0;
}

// A count and a time that belong to the way which was taken.
void keep_account(Record& record, const Occurrence& what, const RecordRules& rules) noexcept {
  const RecordState before = record.state;
  switch (what.event) {
    case kClaim:
      if (before != kReleased) record = {.epoch = record.epoch};
      record.promised = false;
      break;
    case kPromise:
      record.promised = true;
      break;
    case kSendRefused:
      record.doubtful = true;
      [[fallthrough]];
    case kSend:
    case kSendUnexecuted:
    case kSendUnknown:
      ++record.attempt;
      if (record.first_sent_ms == 0) record.first_sent_ms = what.now_ms;
      forget_loss(record);
      break;
    case kLost:
      record.doubtful = true;
      record.lost_ms = what.now_ms;
      break;
    case kUnexecuted:
      record.lost_ms = what.now_ms;
      break;
    case kRestart:
      if (before == kDispatched || before == kResponding) {
        record.doubtful = true;
        record.lost_ms = what.now_ms;
      }
      record.negatives = 0;  // what a probe saw before may have been too early by the new clock
      break;
    case kNotFound:
      ++record.probes;
      if (what.now_ms - record.lost_ms >= rules.settle_ms) ++record.negatives;
      break;
    case kUnclear:
      ++record.probes;
      record.negatives = 0;
      break;
    case kResubmitEdited:
      ++record.generation;
      record.doubtful = false;
      record.first_sent_ms = 0;
      break;
    default:
      break;
  }
}

// What is certain now is in doubt no more.
void settle(Record& record, std::int64_t now_ms, const RecordRules& rules) noexcept {
  switch (record.state) {
    case kCompleted:
    case kReleased:
      record.doubtful = false;
      forget_loss(record);
      record.expires_ms = now_ms + rules.keep_ms;
      break;
    case kTombstone:
      record.expires_ms = now_ms + rules.remember_ms;
      break;
    default:
      record.expires_ms = 0;
  }
}

}  // namespace

std::expected<Step, NoStep> next(const Record& record, const Occurrence& what,
                                 const RecordRules& rules) noexcept {
  if (is_stale(record, what)) return std::unexpected(NoStep::kStale);
  if (is_impossible(record, what)) return std::unexpected(NoStep::kIllegal);
  const auto way = std::ranges::find_if(kWays, [&](const Way& each) {
    return each.from == record.state && each.event == what.event &&
           (each.open == nullptr || each.open(record, rules, what.now_ms));
  });
  if (way == std::end(kWays)) return std::unexpected(NoStep::kIllegal);
  if (way->to == kAbsent) return Step{.record = {.epoch = record.epoch}, .barrier = way->barrier};
  Step step{.record = record, .barrier = way->barrier};
  keep_account(step.record, what, rules);
  step.record.state = way->to;
  step.record.epoch = std::max(record.epoch, what.epoch);
  settle(step.record, what.now_ms, rules);
  // Where a repetition does no harm nobody waits for a disk before sending.
  const bool waits = rules.replay != config::Replay::kSafe || way->to != kDispatched;
  if (step.barrier == kSynced && !waits) step.barrier = kOrdered;
  const bool by_key = rules.replay == config::Replay::kKeyed && step.record.doubtful;
  if (by_key && way->to == kDispatched && what.event != kSend) {
    step.send_before_ms = record.first_sent_ms + rules.horizon_ms;
  }
  return step;
}

Record as_of(const Record& record, const RecordRules& rules, std::int64_t now_ms) noexcept {
  Record now = record;
  while (now.expires_ms != 0 && now_ms >= now.expires_ms) {
    const auto step = next(now, {kExpire, now.expires_ms, now.epoch}, rules);
    if (!step) break;
    now = step->record;
  }
  return now;
}

bool is_in_flight(RecordState state) noexcept {
  switch (state) {
    case kClaimed:
    case kDispatched:
    case kResponding:
    case kVerifying:
    case kResubmitting:
      return true;
    default:
      return false;
  }
}

bool may_send_unknown(const Record& record, const RecordRules& rules,
                      std::int64_t now_ms) noexcept {
  if (rules.replay == config::Replay::kSafe) return true;
  return rules.replay == config::Replay::kKeyed && record.first_sent_ms != 0 &&
         now_ms >= record.first_sent_ms && now_ms - record.first_sent_ms < rules.horizon_ms;
}

}  // namespace outrigger::filters
