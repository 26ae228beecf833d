#include "filters/retry/safety.h"

namespace outrigger::filters {
namespace {

using config::Replay;

// The columns of the table.
enum class Column : std::uint8_t { kP0, kP1, kP2, kP3, kRejected, kFailed, kP5 };

Column column_of(Phase phase, Verdict verdict) noexcept {
  switch (phase) {
    case Phase::kNoConnection:
      return Column::kP0;
    case Phase::kNothingAccepted:
      return Column::kP1;
    case Phase::kPartlyWritten:
      return Column::kP2;
    case Phase::kFullyWritten:
      return Column::kP3;
    case Phase::kAnswered:
      return is_rejection(verdict) ? Column::kRejected : Column::kFailed;
    case Phase::kCommitted:
      break;
  }
  return Column::kP5;
}

// A row a replay class, in the order of config::Replay; a column a phase.
constexpr Repeat kNo = Repeat::kNo, kYes = Repeat::kYes, kAsk = Repeat::kAfterProbe;
constexpr Repeat kTable[][7] = {
    //  P0    P1    P2    P3    P4 rejected, other  P5
    {kYes, kYes, kYes, kYes, kYes, kYes, kNo},  // safe
    {kYes, kYes, kYes, kYes, kYes, kYes, kNo},  // keyed
    {kYes, kYes, kAsk, kAsk, kYes, kAsk, kNo},  // verify
    {kYes, kYes, kNo, kNo, kYes, kNo, kNo},     // unsent
    {kNo, kNo, kNo, kNo, kNo, kNo, kNo},        // never
};
static_assert(static_cast<int>(Replay::kNever) == 4, "a row for each class");

}  // namespace

bool is_rejection(Verdict verdict) noexcept {
  return verdict == Verdict::kThrottled || verdict == Verdict::kOverloaded ||
         verdict == Verdict::kRefusedUnsent;
}

bool is_final(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::kOk:
    case Verdict::kQuotaExhausted:
    case Verdict::kAuth:
    case Verdict::kClientError:
    case Verdict::kContentPolicy:
    case Verdict::kCancelled:
      return true;
    case Verdict::kRefusedUnsent:
    case Verdict::kThrottled:
    case Verdict::kOverloaded:
    case Verdict::kTransient:
    case Verdict::kTimeout:
    case Verdict::kTruncated:
    case Verdict::kInvalidResponse:
      break;
  }
  return false;
}

Repeat may_repeat(Phase phase, Replay replay, Verdict verdict) noexcept {
  if (is_final(verdict)) return Repeat::kNo;
  return kTable[static_cast<std::size_t>(replay)]
               [static_cast<std::size_t>(column_of(phase, verdict))];
}

bool adds_key(const config::Policies& policies, http::Method method) noexcept {
  return policies.replay == Replay::kKeyed &&
         (method == http::Method::kPost || method == http::Method::kPatch);
}

Replay replay_class(const config::Policies& policies, http::Method method, KeySent key) noexcept {
  const Replay usual = http::is_idempotent(method) ? Replay::kSafe : Replay::kUnsent;
  const Replay replay = policies.replay.value_or(usual);
  return replay == Replay::kKeyed && key == KeySent::kNo ? usual : replay;
}

}  // namespace outrigger::filters
