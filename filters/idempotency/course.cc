#include "filters/idempotency/course.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "filters/retry/safety.h"

namespace outrigger::filters {
namespace {

using enum RecordEvent;

// Verdicts with which an upstream says that it did not do what it was asked.
bool says_unexecuted(Verdict verdict) noexcept {
  return is_rejection(verdict) || verdict == Verdict::kAuth || verdict == Verdict::kQuotaExhausted;
}

// Writes down one event after the other, with the attempt that the record will have by then.
class Course {
 public:
  Course(const Record& record, TimePoint now, std::int64_t now_ms) noexcept
      : epoch_(record.epoch), attempt_(record.attempt), now_(now), now_ms_(now_ms) {}

  void add(RecordEvent event) { add_at(event, now_ms_); }
  // A loss is rounded back, all else forward: what is measured from it must not seem shorter.
  void add_at(RecordEvent event, TimePoint when) {
    const bool known = when != TimePoint{} && when < now_;
    const auto ago = known ? now_ - when : Duration{0};
    const auto whole = event == kLost ? std::chrono::ceil<std::chrono::milliseconds>(ago)
                                      : std::chrono::floor<std::chrono::milliseconds>(ago);
    add_at(event, now_ms_ - whole.count());
  }
  [[nodiscard]] std::vector<Occurrence> take() { return std::move(events_); }

 private:
  void add_at(RecordEvent event, std::int64_t when_ms) {
    events_.push_back({event, when_ms, epoch_, attempt_});
  }

  std::vector<Occurrence> events_;
  const std::uint64_t epoch_;
  const std::uint32_t attempt_;
  const TimePoint now_;
  const std::int64_t now_ms_;
};

bool is_probe(const Attempt& attempt) noexcept {
  return attempt.probe;
}

TimePoint last_end(std::span<const Attempt> attempts) noexcept {
  TimePoint last;
  for (const Attempt& attempt : attempts) {
    if (!attempt.probe) last = std::max(last, attempt.ended);
  }
  return last;
}

// The last attempt is lost, or was already when the execution took the record over.
void add_loss(Course& course, const Record& record, std::span<const Attempt> attempts) {
  const bool at_work =
      record.state == RecordState::kDispatched || record.state == RecordState::kResponding;
  if (at_work) course.add_at(kLost, last_end(attempts));
}

}  // namespace

Fate fate_of(const Attempt& attempt) noexcept {
  if (!attempt.failed && attempt.status == 0) return Fate::kLost;  // it is under way
  if (attempt.phase <= Phase::kNothingAccepted && attempt.status == 0) return Fate::kUnexecuted;
  if (attempt.judged && says_unexecuted(attempt.verdict) && attempt.phase <= Phase::kAnswered) {
    return Fate::kUnexecuted;
  }
  const bool whole = attempt.status != 0 && !attempt.failed;
  return whole && attempt.verdict != Verdict::kTruncated ? Fate::kRefused : Fate::kLost;
}

Fate fate_of(std::span<const Attempt> attempts) noexcept {
  Fate worst = Fate::kUnexecuted;
  for (const Attempt& attempt : attempts) {
    if (!attempt.probe) worst = std::max(worst, fate_of(attempt));
  }
  return worst;
}

std::vector<Occurrence> events_before_send(const Record& record, std::span<const Attempt> attempts,
                                           TimePoint now, std::int64_t now_ms) {
  Course course(record, now, now_ms);
  if (std::ranges::any_of(attempts, is_probe)) {  // they did not find it, else nothing were sent
    add_loss(course, record, attempts);
    for (const Attempt& attempt : attempts) {
      if (!attempt.probe) continue;
      course.add_at(kProbe, attempt.started);
      course.add_at(kNotFound, attempt.ended);
    }
    course.add(kClaim);
    course.add(kSend);
    return course.take();
  }
  switch (record.state) {
    case RecordState::kDispatched:
    case RecordState::kResponding:
      break;
    case RecordState::kUnknown:
      course.add(kSendUnknown);
      return course.take();
    default:
      course.add(kSend);
      return course.take();
  }
  switch (fate_of(attempts)) {
    case Fate::kUnexecuted:
      course.add(kSendUnexecuted);
      break;
    case Fate::kRefused:
      if (record.state == RecordState::kDispatched) course.add(kHead);
      course.add(kSendRefused);
      break;
    case Fate::kLost:
      course.add_at(kLost, last_end(attempts));
      course.add(kSendUnknown);
      break;
  }
  return course.take();
}

std::vector<Occurrence> events_at_end(const Record& record, ExecutionEnd ending,
                                      std::span<const Attempt> attempts, TimePoint now,
                                      std::int64_t now_ms) {
  Course course(record, now, now_ms);
  if (ending == ExecutionEnd::kFound) {
    add_loss(course, record, attempts);
    course.add(kProbe);
    course.add(kFound);
    return course.take();
  }
  if (ending == ExecutionEnd::kKept) {
    if (record.state == RecordState::kUnknown) {  // what may be repeated is sent without a word
      course.add(kSendUnknown);
    } else if (record.state != RecordState::kDispatched &&
               record.state != RecordState::kResponding) {
      course.add(kSend);
    }
    if (record.state != RecordState::kResponding) course.add(kHead);
    course.add(kWhole);
    return course.take();
  }
  switch (record.state) {
    case RecordState::kClaimed:
      course.add(kAbandon);
      break;
    case RecordState::kDispatched:
    case RecordState::kResponding:
      course.add_at(fate_of(attempts) == Fate::kUnexecuted ? kUnexecuted : kLost,
                    last_end(attempts));
      break;
    case RecordState::kUnknown:  // nothing was sent, though the upstream may have been asked
      if (std::ranges::any_of(attempts, is_probe)) {
        course.add(kProbe);
        course.add(kUnclear);
      }
      break;
    default:
      break;
  }
  return course.take();
}

bool is_kept(Verdict verdict, int status) noexcept {
  constexpr std::array kPassing = {401, 403, 408, 409, 425, 429};
  if (verdict == Verdict::kOk) return true;
  if (verdict != Verdict::kClientError && verdict != Verdict::kContentPolicy) return false;
  return status >= 400 && status < 500 && std::ranges::find(kPassing, status) == kPassing.end();
}

}  // namespace outrigger::filters
