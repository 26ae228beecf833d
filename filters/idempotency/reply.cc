#include "filters/idempotency/reply.h"

namespace outrigger::filters {
Reply reply_to(const Record& record, Sameness same, const RecordRules& rules,
               std::int64_t now_ms) noexcept {
  const RecordState state = as_of(record, rules, now_ms).state;
  if (state == RecordState::kAbsent) return Reply::kExecute;
  if (state == RecordState::kTombstone && rules.claims_tombstones) return Reply::kExecute;
  if (same == Sameness::kOther) return Reply::kMismatch;
  switch (state) {
    case RecordState::kAbsent:
    case RecordState::kReleased:
      return Reply::kExecute;
    case RecordState::kClaimed:
    case RecordState::kDispatched:
    case RecordState::kResponding:
    case RecordState::kResubmitting:
      return Reply::kJoin;
    case RecordState::kCompleted:
      return Reply::kReplay;
    case RecordState::kUnknown:
    case RecordState::kVerifying:
      return Reply::kWait;
    case RecordState::kDead:
      return Reply::kDead;
    case RecordState::kTombstone:
      return Reply::kGone;
  }
  return Reply::kWait;
}

}  // namespace outrigger::filters
