// The ways of a record that the search does not take, and what each asks of the disk
// (durability 4.2 and 4.3).
#include "filters/idempotency/record.h"

#include <gtest/gtest.h>

#include "filters/idempotency/reply.h"

namespace outrigger::filters {
namespace {

using enum RecordState;
using enum RecordEvent;

constexpr std::int64_t kNow = 1'000'000;

RecordState after(RecordState state, RecordEvent event, const RecordRules& rules = {}) {
  const Record record{.state = state, .attempt = 1, .epoch = 1, .first_sent_ms = kNow};
  const std::uint64_t epoch = event == kRestart ? 2 : 1;
  const auto step = next(record, {event, kNow, epoch, 1}, rules);
  return step ? step->record.state : state;
}
Barrier barrier(RecordState state, RecordEvent event, const RecordRules& rules = {}) {
  const Record record{.state = state, .attempt = 1, .epoch = 1, .first_sent_ms = kNow};
  const auto step = next(record, {event, kNow, 1, 1}, rules);
  EXPECT_TRUE(step) << to_string(state);
  return step ? step->barrier : Barrier::kNone;
}

TEST(Record, WaitsForTheDiskBeforeAnythingIsSeenOutside) {
  EXPECT_EQ(barrier(kClaimed, kSend), Barrier::kSynced);          // B1
  EXPECT_EQ(barrier(kClaimed, kPromise), Barrier::kSynced);       // a 202
  EXPECT_EQ(barrier(kResubmitting, kSend), Barrier::kSynced);     // B1
  EXPECT_EQ(barrier(kResponding, kWhole), Barrier::kSynced);      // B3
  EXPECT_EQ(barrier(kVerifying, kFound), Barrier::kSynced);       // B3
  EXPECT_EQ(barrier(kResponding, kExhausted), Barrier::kSynced);  // B4
  EXPECT_EQ(barrier(kUnknown, kGiveUp), Barrier::kSynced);        // B4
}

TEST(Record, WaitsForNoDiskWhereARepetitionDoesNoHarm) {
  const RecordRules safe{.replay = config::Replay::kSafe};
  EXPECT_EQ(barrier(kClaimed, kSend, safe), Barrier::kOrdered);
  EXPECT_EQ(barrier(kUnknown, kSendUnknown, safe), Barrier::kOrdered);
  EXPECT_EQ(barrier(kResponding, kWhole, safe), Barrier::kSynced) << "an answer is a promise";
  EXPECT_EQ(barrier(kClaimed, kPromise, safe), Barrier::kSynced);
}

TEST(Record, IsNeverSentTwiceWhereThatIsForbidden) {
  const RecordRules never{.replay = config::Replay::kNever};
  for (const RecordEvent event : {kSendUnexecuted, kSendRefused, kSendUnknown}) {
    for (const RecordState state : {kDispatched, kResponding, kUnknown, kVerifying}) {
      EXPECT_EQ(after(state, event, never), state) << to_string(state);
    }
  }
}

TEST(Record, APromisedClaimOutlivesItsClientAndItsProcess) {
  Record promised{.state = kClaimed, .promised = true, .epoch = 1};
  EXPECT_EQ(next(promised, {kAbandon, kNow, 1}, {})->record.state, kClaimed);
  EXPECT_EQ(next(promised, {kRestart, kNow, 2}, {})->record.state, kClaimed);
  EXPECT_EQ(after(kClaimed, kAbandon), kReleased);
  EXPECT_EQ(after(kClaimed, kRestart), kReleased);
}

TEST(Record, WordOfAnAttemptThatIsOverIsDropped) {
  const Record second{.state = kDispatched, .attempt = 2, .epoch = 3};
  const auto late = next(second, {kHead, kNow, 3, 1}, {});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error(), NoStep::kStale);
  EXPECT_EQ(next(second, {kHead, kNow, 2, 2}, {}).error(), NoStep::kStale) << "another process";
  EXPECT_EQ(next(second, {kHead, kNow, 4, 2}, {}).error(), NoStep::kIllegal) << "it must restart";
  EXPECT_EQ(next(second, {kHead, kNow, 3, 3}, {}).error(), NoStep::kIllegal) << "never sent";
}

TEST(Record, AnEditedResubmissionIsANewGenerationForTheUpstream) {
  Record dead{.state = kDead, .doubtful = true, .attempt = 3, .epoch = 1, .first_sent_ms = 5};
  const Record edited = next(dead, {kResubmitEdited, kNow, 1}, {})->record;
  EXPECT_EQ(edited.generation, 1u);
  EXPECT_EQ(edited.first_sent_ms, 0);
  EXPECT_FALSE(edited.doubtful);
  const Record same = next(dead, {kResubmit, kNow, 1}, {})->record;
  EXPECT_EQ(same.generation, 0u);
  EXPECT_TRUE(same.doubtful);
  EXPECT_EQ(next(same, {kSend, kNow, 1}, {})->record.attempt, 4u);
}

// durability 5.3, case 13: swept or not, a key is never free while its answer is kept.
TEST(Record, ItsTimesAreOverAtTheMoment) {
  const RecordRules rules{.keep_ms = 1'000, .remember_ms = 500};
  const Record done{.state = kCompleted, .epoch = 1, .expires_ms = kNow + 1'000};
  EXPECT_EQ(reply_to(done, Sameness::kSame, rules, kNow + 999), Reply::kReplay);
  EXPECT_EQ(reply_to(done, Sameness::kSame, rules, kNow + 1'000), Reply::kGone);
  EXPECT_EQ(reply_to(done, Sameness::kSame, rules, kNow + 1'499), Reply::kGone);
  EXPECT_EQ(reply_to(done, Sameness::kSame, rules, kNow + 1'500), Reply::kExecute);
  EXPECT_EQ(next(done, {kExpire, kNow + 999, 1}, rules).error(), NoStep::kIllegal);
  EXPECT_EQ(as_of(done, rules, kNow - 5'000), done) << "a clock that went back";
}

struct ReplyRow {
  RecordState state;
  Reply same, other;
};

TEST(Reply, IsThatOfTheState) {
  constexpr ReplyRow kRows[] = {{kAbsent, Reply::kExecute, Reply::kExecute},
                                {kClaimed, Reply::kJoin, Reply::kMismatch},
                                {kDispatched, Reply::kJoin, Reply::kMismatch},
                                {kResponding, Reply::kJoin, Reply::kMismatch},
                                {kCompleted, Reply::kReplay, Reply::kMismatch},
                                {kReleased, Reply::kExecute, Reply::kMismatch},
                                {kUnknown, Reply::kWait, Reply::kMismatch},
                                {kVerifying, Reply::kWait, Reply::kMismatch},
                                {kDead, Reply::kDead, Reply::kMismatch},
                                {kResubmitting, Reply::kJoin, Reply::kMismatch},
                                {kTombstone, Reply::kGone, Reply::kMismatch}};
  for (const ReplyRow& row : kRows) {
    const Record record{.state = row.state};
    EXPECT_EQ(reply_to(record, Sameness::kSame, {}, kNow), row.same) << to_string(row.state);
    EXPECT_EQ(reply_to(record, Sameness::kOther, {}, kNow), row.other) << to_string(row.state);
  }
  const RecordRules anew{.claims_tombstones = true};
  EXPECT_EQ(reply_to({.state = kTombstone}, Sameness::kOther, anew, kNow), Reply::kExecute);
}

}  // namespace
}  // namespace outrigger::filters
