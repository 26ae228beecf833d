// The records of all keys: asked before a request is executed, and told what becomes of it. A front
// for the journal's thread, on which all of it happens, one thing after the other: so no key is
// locked, and no two requests can both have it (durability 4.2). Any worker's thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "filters/idempotency/ledger_jobs.h"
#include "filters/idempotency/question.h"
#include "filters/idempotency/record.h"
#include "filters/idempotency/records.h"
#include "filters/idempotency/stored_record.h"
#include "proxy/base/result.h"
#include "proxy/runtime/dispatcher.h"
#include "proxy/runtime/task.h"
#include "proxy/store/journal.h"

namespace outrigger::filters {

class Ledger {
 public:
  // The journal outlives the ledger, and stops before it goes.
  Ledger(store::Journal& journal, Records::Clock clock)
      : journal_(journal), records_(journal, clock) {}
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // ---- for an execution; the loops outlive the journal's thread ----

  // kExecute: the key belongs to who asked, who must bring it to an end with leave() or complete().
  // Errors: kOverload `store_busy`, `store_full`; those of the store. Not ended by a scope, because
  // whoever has a key must know it.
  Task<Result<Found>> ask(Dispatcher& loop, Question question);
  // Brings the record on by these events, whose epoch and attempt are filled in. Returns when that
  // is on disk, where the last step must be. Errors: the store's; kInternal where a step is not
  // allowed, and then nothing changes.
  Task<Result<Step>> advance(Dispatcher& loop, std::string key, std::vector<Occurrence> events,
                             RecordRules rules);
  // The same, and returns once the answer is on disk and the key is free for others to ask.
  // `tail`: the last chunk of a long answer.
  Task<Status> complete(Dispatcher& loop, std::string key, std::vector<Occurrence> events,
                        RecordRules rules, StoredAnswer answer, std::string tail);
  // The execution ends without an answer that is kept.
  void leave(std::string key, std::vector<Occurrence> events, RecordRules rules);
  // A part of an answer that is to be completed. False: it is not written.
  bool put_chunk(const std::string& key, const std::string& blob, std::uint32_t number,
                 std::string bytes);
  // A part of a completed answer; blocks. Error, `store_corrupt`: it is not there.
  [[nodiscard]] Result<std::string> read_chunk(const std::string& blob, std::uint32_t number) const;

  // ---- for the process ----

  // Finds what an earlier process was at work on, bit by bit. `done` is called on the journal's
  // thread with the number of records that were found.
  void recover(RecoveryDone done);
  // Forgets some of what is over; call it again and again.
  void sweep();
  void bound(const Records::Bounds& bounds) { records_.bound(bounds); }
  // Milliseconds since 1970, as the records see it.
  [[nodiscard]] std::int64_t now_ms() noexcept { return records_.now_ms(); }
  [[nodiscard]] Records::Counts counts() const { return records_.counts(); }
  [[nodiscard]] const store::Journal& journal() const noexcept { return journal_; }

 private:
  void go_on(Recovery recovery);

  store::Journal& journal_;
  Records records_;
};

}  // namespace outrigger::filters
