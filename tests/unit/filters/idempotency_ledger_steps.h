// Tests of the ledger: requests with a key, executed and repeated, over restarts.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "filters/idempotency/course.h"
#include "tests/unit/filters/idempotency_books.h"
#include "tests/unit/filters/idempotency_fault_disk.h"
#include "tests/unit/filters/idempotency_ledger_fixture.h"
#include "tests/unit/filters/recording_fixture.h"

namespace outrigger::filters {

inline std::string ledger_key(std::string_view name) {
  std::string key(name);
  key.resize(kRecordKeyBytes, '.');
  return key;
}
inline Fingerprint fingerprint_of(std::string_view request) {
  Fingerprint made;
  for (std::size_t i = 0; i < request.size() && i < made.sha256.size(); ++i) {
    made.sha256[i] = static_cast<std::uint8_t>(request[i]);
  }
  return made;
}
inline Question question_of(std::string_view name, const RecordRules& rules,
                            std::string_view request = "a") {
  Question question;
  question.key = ledger_key(name);
  question.raw = fingerprint_of(request);
  question.rules = rules;
  question.request_id = "request-" + std::string(name);
  return question;
}

inline constexpr RecordRules kUnsent{};
inline constexpr RecordRules kSafe{.replay = config::Replay::kSafe};
inline constexpr RecordRules kKeyed{.replay = config::Replay::kKeyed};
inline constexpr RecordRules kNever{.replay = config::Replay::kNever};
inline constexpr RecordRules kVerified{.replay = config::Replay::kVerify, .can_probe = true};
inline constexpr RecordRules kVerifyLater{.replay = config::Replay::kVerify};

// A request that has its key, and what its execution knows of the record.
struct Running {
  std::string key;
  RecordRules rules;
  Record record;
  std::shared_ptr<Recording> recording;
  std::string blob;
  std::uint32_t chunks = 0;
};

class LedgerTest : public testing::Test {
 protected:
  LedgerTest() {
    wall_ms = kStart;
    start();
  }

  void start() {
    const Status started = process_.start();
    ASSERT_TRUE(started) << started.error().detail;
  }
  // Killed, started, and what it was at work on found.
  void restart() {
    start();
    recover();
  }
  std::pair<std::size_t, std::size_t> recover() {
    process_.ledger().recover([this](std::size_t unknown, std::size_t released) {
      found_ = {unknown, released};
      ++recoveries_;
    });
    process_.settle();
    return found_;
  }
  Ledger& ledger() { return process_.ledger(); }
  void pass(std::int64_t time_ms) { wall_ms += time_ms; }

  Result<Found> try_ask(Question question) {
    return process_.wait(ledger().ask(process_.loop, std::move(question)));
  }
  Found ask(std::string_view name, const RecordRules& rules = kUnsent,
            std::string_view request = "a") {
    auto found = try_ask(question_of(name, rules, request));
    if (found) return std::move(*found);
    ADD_FAILURE() << name << ": " << found.error().reason << ": " << found.error().detail;
    return {};
  }
  Reply reply(std::string_view name, const RecordRules& rules = kUnsent,
              std::string_view request = "a") {
    return ask(name, rules, request).reply;
  }

  static Running running(std::string_view name, const RecordRules& rules, const Found& found) {
    return {.key = ledger_key(name),
            .rules = rules,
            .record = found.record,
            .recording = found.running,
            .blob = found.blob};
  }
  Running claim(std::string_view name, const RecordRules& rules = kUnsent) {
    const Found found = ask(name, rules);
    EXPECT_EQ(found.reply, Reply::kExecute) << name;
    return running(name, rules, found);
  }
  static Occurrence now(RecordEvent event) { return {.event = event, .now_ms = wall_ms}; }
  Result<Step> advance(Running& execution, const std::vector<RecordEvent>& events) {
    std::vector<Occurrence> occurred;
    for (const RecordEvent event : events) occurred.push_back(now(event));
    auto step = process_.wait(
        ledger().advance(process_.loop, execution.key, std::move(occurred), execution.rules));
    if (step) execution.record = step->record;
    return step;
  }
  Running sent(std::string_view name, const RecordRules& rules = kUnsent) {
    Running execution = claim(name, rules);
    EXPECT_TRUE(advance(execution, {RecordEvent::kSend})) << name;
    return execution;
  }

  static StoredAnswer answer_of(const std::string& body) {
    StoredAnswer answer;
    answer.head = {.status = 200, .fields = {{"content-type", "text/plain"}}, .length = {}};
    answer.length = body.size();
    answer.head.length = body.size();
    return answer;
  }
  // As an execution does: what is long is given part by part.
  Status complete(Running& execution, const std::string& body) {
    StoredAnswer answer = answer_of(body);
    std::string tail;
    if (body.size() <= StoredAnswer::kInline) {
      answer.body = body;
    } else {
      answer.blob = execution.blob;
      put_parts(execution, body);
      tail = body.substr(execution.chunks * StoredAnswer::kChunk);
    }
    return complete(execution, std::move(answer), std::move(tail));
  }
  Status complete(Running& execution, StoredAnswer answer, std::string tail) {
    return process_.wait(ledger().complete(process_.loop, execution.key,
                                           {now(RecordEvent::kHead), now(RecordEvent::kWhole)},
                                           execution.rules, std::move(answer), std::move(tail)));
  }
  // All but the last.
  void put_parts(Running& execution, const std::string& body) {
    for (; body.size() - execution.chunks * StoredAnswer::kChunk > StoredAnswer::kChunk;
         ++execution.chunks) {
      EXPECT_TRUE(ledger().put_chunk(
          execution.key, execution.blob, execution.chunks,
          body.substr(execution.chunks * StoredAnswer::kChunk, StoredAnswer::kChunk)));
    }
  }
  void leave(const Running& execution, const std::vector<RecordEvent>& events) {
    std::vector<Occurrence> occurred;
    for (const RecordEvent event : events) occurred.push_back(now(event));
    ledger().leave(execution.key, std::move(occurred), execution.rules);
    process_.settle();
  }
  void completed(std::string_view name, const std::string& body,
                 const RecordRules& rules = kUnsent) {
    Running execution = sent(name, rules);
    EXPECT_TRUE(complete(execution, body)) << name;
  }
  void lost(std::string_view name, const RecordRules& rules = kUnsent) {
    leave(sent(name, rules), {RecordEvent::kLost});
  }

  // The answer that a repetition gets; what is wrong with it where it gets none.
  std::string replayed(std::string_view name, const RecordRules& rules = kUnsent) {
    const Found found = ask(name, rules);
    return found.reply == Reply::kReplay ? body_of(*found.answer)
                                         : "reply " + std::to_string(static_cast<int>(found.reply));
  }
  std::string body_of(const StoredAnswer& answer) {
    std::string body = answer.body;
    for (std::uint32_t i = 0; i < answer.chunks(); ++i) {
      const auto part = ledger().read_chunk(answer.blob, i);
      if (!part) return "part " + std::to_string(i) + ": " + std::string(part.error().reason);
      body += *part;
    }
    return body;
  }

  Books books() {
    process_.settle();
    return keep_books(process_.store());
  }
  std::optional<StoredRecord> stored(std::string_view name) {
    const auto all = books().by_key;
    const auto found = all.find(ledger_key(name));
    return found == all.end() ? std::nullopt : std::optional(found->second);
  }
  void expect_right_books() {
    const Books kept = books();
    EXPECT_TRUE(kept.wrong.empty()) << to_string(kept.wrong);
    EXPECT_EQ(ledger().counts().records, kept.records);
    EXPECT_EQ(ledger().counts().bytes, kept.bytes);
  }
  void sweep() {
    ledger().sweep();
    process_.settle();
  }

  TemporaryFolder folder_;
  FaultDisk disk_;
  LedgerProcess process_{folder_.path(), &disk_};
  int recoveries_ = 0;                         // that are done
  std::pair<std::size_t, std::size_t> found_;  // by the last: unknown, released
};

}  // namespace outrigger::filters
