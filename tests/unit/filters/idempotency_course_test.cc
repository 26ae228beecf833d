#include "filters/idempotency/course.h"

#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "filters/idempotency/reply.h"

namespace outrigger::filters {
namespace {

using enum RecordState;
using enum RecordEvent;
using config::Replay;

constexpr std::int64_t kWall = 1'764'000'000'000;
constexpr TimePoint kLoop{1000s};

constexpr TimePoint ago(Duration time) {
  return kLoop + -time;
}

// What can become of one sending.
struct Kind {
  std::string_view name;
  Attempt attempt;
  Fate fate;
  bool under_way = false;
};

Attempt failed(Phase phase, Verdict verdict) {
  Attempt attempt;
  attempt.started = ago(2s);
  attempt.ended = ago(1s);
  attempt.failed = true;
  attempt.phase = phase;
  attempt.verdict = verdict;
  attempt.judged = true;
  return attempt;
}
Attempt answered(int status, Verdict verdict) {
  Attempt attempt = failed(Phase::kAnswered, verdict);
  attempt.failed = false;
  attempt.status = status;
  return attempt;
}
Attempt broken(int status, Phase phase, Verdict verdict) {
  Attempt attempt = answered(status, verdict);
  attempt.failed = true;
  attempt.phase = phase;
  return attempt;
}
Attempt unjudged(Attempt attempt) {
  attempt.judged = false;
  attempt.verdict = Verdict::kCancelled;
  return attempt;
}
Attempt probe(Duration ended_ago) {
  Attempt attempt = answered(404, Verdict::kClientError);
  attempt.started = attempt.ended = ago(ended_ago);
  attempt.probe = true;
  return attempt;
}

// durability 3 item 9, resilience 3 "Safety table".
const std::vector<Kind>& kinds() {
  using enum Phase;
  static const std::vector<Kind> all = {
      {"not connected", failed(kNoConnection, Verdict::kRefusedUnsent), Fate::kUnexecuted},
      {"no byte accepted", failed(kNothingAccepted, Verdict::kRefusedUnsent), Fate::kUnexecuted},
      {"not connected, unjudged", unjudged(failed(kNoConnection, {})), Fate::kUnexecuted},
      {"a part was sent", failed(kPartlyWritten, Verdict::kTransient), Fate::kLost},
      {"all was sent", failed(kFullyWritten, Verdict::kTimeout), Fate::kLost},
      {"all was sent, unjudged", unjudged(failed(kFullyWritten, {})), Fate::kLost},
      {"reset in the head", failed(kAnswered, Verdict::kTransient), Fate::kLost},
      {"401", answered(401, Verdict::kAuth), Fate::kUnexecuted},
      {"402", answered(402, Verdict::kQuotaExhausted), Fate::kUnexecuted},
      {"429", answered(429, Verdict::kThrottled), Fate::kUnexecuted},
      {"503", answered(503, Verdict::kOverloaded), Fate::kUnexecuted},
      {"429 at the stream's end", broken(200, kCommitted, Verdict::kThrottled), Fate::kLost},
      {"500", answered(500, Verdict::kTransient), Fate::kRefused},
      {"400", answered(400, Verdict::kClientError), Fate::kRefused},
      {"200", answered(200, Verdict::kOk), Fate::kRefused},
      {"200 of no JSON", answered(200, Verdict::kInvalidResponse), Fate::kRefused},
      {"200 without its end", answered(200, Verdict::kTruncated), Fate::kLost},
      {"reset in the body", broken(200, kAnswered, Verdict::kTransient), Fate::kLost},
      {"reset when it was passed on", broken(200, kCommitted, Verdict::kTruncated), Fate::kLost},
      {"cancelled", broken(200, kAnswered, Verdict::kCancelled), Fate::kLost},
  };
  return all;
}

TEST(FateOf, IsUnexecutedByProofAndByTheUpstreamsWordOnly) {
  for (const Kind& kind : kinds()) EXPECT_EQ(fate_of(kind.attempt), kind.fate) << kind.name;
}

// Its request may be on the wire: it has a phase only when it has ended.
TEST(FateOf, AnAttemptUnderWayIsLost) {
  Attempt attempt;
  attempt.started = ago(1s);
  EXPECT_EQ(fate_of(attempt), Fate::kLost);
}

TEST(FateOf, ManyAreAsBadAsTheWorst) {
  EXPECT_EQ(fate_of(std::span<const Attempt>()), Fate::kUnexecuted);
  for (const Kind& one : kinds()) {
    for (const Kind& other : kinds()) {
      const std::vector<Attempt> both = {one.attempt, other.attempt};
      EXPECT_EQ(fate_of(both), std::max(one.fate, other.fate)) << one.name << ", " << other.name;
    }
    const std::vector<Attempt> probed = {one.attempt, probe(500ms), probe(100ms)};
    EXPECT_EQ(fate_of(probed), one.fate) << "a probe is no sending";
  }
}

TEST(IsKept, SuccessesAndErrorsThatTheSameRequestWouldMeetAgain) {
  struct Row {
    Verdict verdict;
    int status;
    bool kept;
  };
  using enum Verdict;
  const Row rows[] = {
      {kOk, 200, true},           {kOk, 204, true},           {kOk, 302, true},
      {kClientError, 400, true},  {kClientError, 404, true},  {kClientError, 409 - 1, false},
      {kClientError, 409, false}, {kClientError, 410, true},  {kClientError, 422, true},
      {kClientError, 425, false}, {kClientError, 429, false}, {kClientError, 401, false},
      {kClientError, 403, false}, {kClientError, 499, true},  {kContentPolicy, 400, true},
      {kClientError, 500, false}, {kClientError, 200, false}, {kContentPolicy, 403, false},
      {kAuth, 401, false},        {kThrottled, 429, false},   {kQuotaExhausted, 402, false},
      {kOverloaded, 503, false},  {kTransient, 500, false},   {kTransient, 502, false},
      {kTimeout, 504, false},     {kTruncated, 200, false},   {kInvalidResponse, 200, false},
      {kCancelled, 200, false},   {kRefusedUnsent, 0, false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(is_kept(row.verdict, row.status), row.kept)
        << to_string(row.verdict) << " " << row.status;
  }
}

std::string names(const std::vector<Occurrence>& events) {
  constexpr std::string_view kNames[] = {
      "claim",           "promise",   "abandon", "send",         "unexecuted", "send unexecuted",
      "send refused",    "head",      "whole",   "lost",         "exhausted",  "probe",
      "found",           "not found", "unclear", "send unknown", "give up",    "resubmit",
      "resubmit edited", "discard",   "expire",  "restart"};
  static_assert(std::size(kNames) == kRecordEvents);
  std::string text;
  for (const Occurrence& each : events) {
    if (!text.empty()) text += ", ";
    text += kNames[static_cast<std::size_t>(each.event)];
  }
  return text;
}

Record record_in(RecordState state) {
  return {.state = state, .attempt = 1, .epoch = 7, .first_sent_ms = kWall - 10'000};
}
const Attempt& attempt_like(std::string_view name) {
  for (const Kind& kind : kinds()) {
    if (kind.name == name) return kind.attempt;
  }
  ADD_FAILURE() << name;
  return kinds().front().attempt;
}
std::string before_send(RecordState state, const std::vector<Attempt>& attempts) {
  return names(events_before_send(record_in(state), attempts, kLoop, kWall));
}
std::string at_end(RecordState state, ExecutionEnd end, const std::vector<Attempt>& attempts) {
  return names(events_at_end(record_in(state), end, attempts, kLoop, kWall));
}

TEST(EventsBeforeSend, SayWhatHasBecomeOfTheSendingBefore) {
  const Attempt unexecuted = attempt_like("not connected"), refused = attempt_like("500"),
                lost = attempt_like("all was sent");
  EXPECT_EQ(before_send(kClaimed, {}), "send");
  EXPECT_EQ(before_send(kResubmitting, {}), "send");
  EXPECT_EQ(before_send(kUnknown, {}), "send unknown");
  EXPECT_EQ(before_send(kDispatched, {unexecuted}), "send unexecuted");
  EXPECT_EQ(before_send(kDispatched, {refused}), "head, send refused");
  EXPECT_EQ(before_send(kResponding, {refused}), "send refused");
  EXPECT_EQ(before_send(kDispatched, {lost}), "lost, send unknown");
  EXPECT_EQ(before_send(kResponding, {lost}), "lost, send unknown");
  EXPECT_EQ(before_send(kDispatched, {unexecuted, lost}), "lost, send unknown");
  EXPECT_EQ(before_send(kDispatched, {lost, probe(2s), probe(1s)}),
            "lost, probe, not found, probe, not found, claim, send");
  EXPECT_EQ(before_send(kUnknown, {probe(2s)}), "probe, not found, claim, send");
}

TEST(EventsAtEnd, SayWhatIsLeftOfTheExecution) {
  using enum ExecutionEnd;
  const Attempt unexecuted = attempt_like("429"), refused = attempt_like("500"),
                lost = attempt_like("all was sent"), good = attempt_like("200");
  EXPECT_EQ(at_end(kClaimed, kFailed, {}), "abandon");
  EXPECT_EQ(at_end(kDispatched, kFailed, {}), "unexecuted") << "it failed before it was sent";
  EXPECT_EQ(at_end(kDispatched, kFailed, {unexecuted}), "unexecuted");
  EXPECT_EQ(at_end(kDispatched, kFailed, {refused}), "lost") << "it says nothing of the effect";
  EXPECT_EQ(at_end(kDispatched, kFailed, {lost}), "lost");
  EXPECT_EQ(at_end(kResponding, kFailed, {lost}), "lost");
  EXPECT_EQ(at_end(kDispatched, kKept, {good}), "head, whole");
  EXPECT_EQ(at_end(kResponding, kKept, {good}), "whole");
  EXPECT_EQ(at_end(kDispatched, kFound, {lost, probe(1s)}), "lost, probe, found");
  EXPECT_EQ(at_end(kUnknown, kFound, {probe(1s)}), "probe, found");
  EXPECT_EQ(at_end(kUnknown, kFailed, {}), "") << "it stands where it stood";
  EXPECT_EQ(at_end(kUnknown, kFailed, {probe(1s)}), "probe, unclear");
}

// What may be repeated is sent without a word.
TEST(EventsAtEnd, SayThatItWasSentWhereNobodyHasYet) {
  using enum ExecutionEnd;
  const Attempt good = attempt_like("200");
  EXPECT_EQ(at_end(kClaimed, kKept, {good}), "send, head, whole");
  EXPECT_EQ(at_end(kUnknown, kKept, {good}), "send unknown, head, whole");
}

TEST(EventsOfACourse, HappenWhenTheAttemptsSayThatTheyDid) {
  const std::vector<Attempt> attempts = {attempt_like("all was sent"), probe(400ms), probe(100ms)};
  const auto events = events_before_send(record_in(kDispatched), attempts, kLoop, kWall);
  std::vector<std::int64_t> before;
  for (const Occurrence& each : events) before.push_back(kWall - each.now_ms);
  EXPECT_THAT(before, testing::ElementsAre(1000, 400, 400, 100, 100, 0, 0));
  const auto end =
      events_at_end(record_in(kDispatched), ExecutionEnd::kFailed, attempts, kLoop, kWall);
  EXPECT_EQ(end.front().now_ms, kWall - 1000);
}

// ---- the property: whatever the attempts were, the record can go on, or nothing is sent ----

// Brings a record on as the ledger does. The event that was refused, if one was.
std::expected<Record, RecordEvent> go(Record record, std::vector<Occurrence> events,
                                      const RecordRules& rules) {
  for (Occurrence& each : events) {
    each.epoch = record.epoch;
    each.attempt = record.attempt;
    const auto step = next(record, each, rules);
    if (!step) return std::unexpected(each.event);
    record = step->record;
  }
  return record;
}

bool is_sending(RecordEvent event) {
  return event == kSend || event == kSendUnexecuted || event == kSendRefused ||
         event == kSendUnknown;
}

// All there is of attempts since one sending: up to two of a kind each, then up to three probes.
void for_each_course(const std::function<void(const std::vector<Attempt>&, Fate, std::size_t)>& f) {
  for (std::size_t probes = 0; probes <= 3; ++probes) {
    for (std::size_t one = 0; one <= kinds().size(); ++one) {
      for (std::size_t other = 0; other <= one; ++other) {
        std::vector<Attempt> attempts;
        Fate worst = Fate::kUnexecuted;
        for (const std::size_t i : {one, other}) {
          if (i == kinds().size()) continue;
          attempts.push_back(kinds()[i].attempt);
          worst = std::max(worst, kinds()[i].fate);
        }
        for (std::size_t i = 0; i < probes; ++i) attempts.push_back(probe((probes - i) * 100ms));
        f(attempts, worst, probes);
      }
    }
  }
}

std::vector<RecordRules> all_rules() {
  std::vector<RecordRules> all;
  for (const Replay replay :
       {Replay::kSafe, Replay::kKeyed, Replay::kVerify, Replay::kUnsent, Replay::kNever}) {
    all.push_back({.replay = replay, .settle_ms = 300});
  }
  all.push_back({.replay = Replay::kVerify, .can_probe = true, .settle_ms = 300});
  all.push_back({.replay = Replay::kKeyed, .horizon_ms = 5'000});  // over
  return all;
}

// The records that an execution can have when it is about to send or to end.
std::vector<Record> at_work() {
  std::vector<Record> all;
  for (const RecordState state : {kClaimed, kDispatched, kResponding, kUnknown, kResubmitting}) {
    for (const bool doubtful : {false, true}) {
      Record record = record_in(state);
      record.doubtful = doubtful || state == kUnknown;
      if (state == kUnknown) record.lost_ms = kWall - 5'000;
      if (state == kClaimed) record = {.state = kClaimed, .epoch = 7};
      all.push_back(record);
    }
  }
  return all;
}

TEST(Course, ASendingIsAllowedOnlyWhereNothingIsDoneTwice) {
  std::size_t allowed = 0, refused = 0;
  for (const RecordRules& rules : all_rules()) {
    for (const Record& record : at_work()) {
      for_each_course([&](const std::vector<Attempt>& attempts, Fate worst, std::size_t probes) {
        const auto events = events_before_send(record, attempts, kLoop, kWall);
        ASSERT_TRUE(is_sending(events.back().event));
        const auto gone = go(record, events, rules);
        if (!gone) return static_cast<void>(++refused);
        ++allowed;
        ASSERT_EQ(gone->state, kDispatched);
        ASSERT_EQ(gone->attempt, record.attempt + 1);
        const bool sent = record.state == kDispatched || record.state == kResponding;
        if (record.state == kResubmitting) return;  // a person has said so
        const bool done = record.doubtful || (sent && worst != Fate::kUnexecuted);
        if (!done || may_send_unknown(record, rules, kWall)) return;
        ASSERT_TRUE(rules.can_probe && probes >= rules.negatives)
            << to_string(record.state) << ": " << names(events);
      });
    }
  }
  EXPECT_GT(allowed, 1000u);
  EXPECT_GT(refused, 1000u);
}

TEST(Course, AnEndIsAlwaysAllowed) {
  for (const RecordRules& rules : all_rules()) {
    for (const Record& record : at_work()) {
      if (record.state == kResubmitting) continue;  // of a dead letter: it stays there
      for_each_course([&](const std::vector<Attempt>& attempts, Fate worst, std::size_t probes) {
        if (probes > 0 && !rules.can_probe) return;
        const auto events = events_at_end(record, ExecutionEnd::kFailed, attempts, kLoop, kWall);
        const auto gone = go(record, events, rules);
        ASSERT_TRUE(gone) << to_string(record.state) << ": " << names(events);
        ASSERT_FALSE(is_in_flight(gone->state)) << to_string(gone->state);
        if (gone->state != kReleased || record.state == kClaimed) return;
        ASSERT_EQ(worst, Fate::kUnexecuted) << names(events);
        ASSERT_FALSE(record.doubtful);
      });
    }
  }
}

TEST(Course, AnAnswerThatIsKeptIsTheKeysWhateverWasTriedBefore) {
  for (const RecordRules& rules : all_rules()) {
    for (const Record& record : at_work()) {
      const bool sent = record.state == kDispatched || record.state == kResponding;
      if (!sent && rules.replay != Replay::kSafe) continue;
      for_each_course([&](const std::vector<Attempt>& attempts, Fate, std::size_t) {
        const auto events = events_at_end(record, ExecutionEnd::kKept, attempts, kLoop, kWall);
        const auto gone = go(record, events, rules);
        ASSERT_TRUE(gone) << names(events);
        ASSERT_EQ(gone->state, kCompleted);
      });
    }
  }
}

TEST(Course, WhatAProbeHasFoundIsTheKeysAnswer) {
  const RecordRules rules{.replay = Replay::kVerify, .can_probe = true};
  for (const Record& record : at_work()) {
    if (record.state == kClaimed || record.state == kResubmitting) continue;  // nothing was sent
    for_each_course([&](const std::vector<Attempt>& attempts, Fate, std::size_t) {
      const auto events = events_at_end(record, ExecutionEnd::kFound, attempts, kLoop, kWall);
      const auto gone = go(record, events, rules);
      ASSERT_TRUE(gone) << names(events);
      ASSERT_EQ(gone->state, kCompleted);
    });
  }
}

}  // namespace
}  // namespace outrigger::filters
