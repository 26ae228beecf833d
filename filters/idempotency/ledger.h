// The records of all keys: asked before a request is executed, and told what becomes of it. Lives
// on the journal's thread, where one thing happens after the other, so no key is locked and no two
// requests can both have it (durability 4.2). Its public methods are for any worker's thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "filters/idempotency/record.h"
#include "filters/idempotency/recording.h"
#include "filters/idempotency/reply.h"
#include "filters/idempotency/stored_record.h"
#include "proxy/base/result.h"
#include "proxy/runtime/dispatcher.h"
#include "proxy/runtime/task.h"
#include "proxy/store/journal.h"

namespace outrigger::filters {

// Somebody is reading these chunks: they stay.
class BlobLease;

class Ledger {
 public:
  struct Bounds {
    std::uint64_t bytes = 4ull << 30;  // of all answers that are kept
    std::uint64_t records = 100'000'000;
  };
  using Clock = std::int64_t (*)() noexcept;  // microseconds since 1970
  // The journal outlives the ledger.
  explicit Ledger(store::Journal& journal, Clock clock);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // ---- for an execution; the loops outlive the journal's thread ----

  struct Question {
    std::string key;  // kRecordKeyBytes
    Fingerprint raw;
    std::optional<Fingerprint> canonical;  // where it is what the route compares
    RecordRules rules;
    std::string request_id;
  };
  struct Answer {
    Reply reply = Reply::kExecute;
    // The record's fingerprint is of the kind that the question lacks: ask again with it.
    bool needs_canonical = false;
    Record record;
    std::shared_ptr<Recording> running;  // kExecute: to be written by who asked. kJoin: to be read
    std::optional<StoredAnswer> answer;  // kReplay
    std::shared_ptr<BlobLease> lease;    // kReplay
    std::string blob;                    // kExecute: the name for chunks of the answer
    std::string request_id;              // of who executed it
  };
  // kExecute: the key belongs to who asked, who must bring it to an end with leave() or complete().
  // Errors: kOverload `store_busy`, `store_full`; those of the store. Not ended by a scope, because
  // whoever has a key must know it.
  Task<Result<Answer>> ask(Dispatcher& loop, Question question);
  // Brings the record on by these events, whose epoch and attempt are filled in. Returns when that
  // is on disk, where the last step must be. Errors: the store's; kInternal where a step is not
  // allowed, and then nothing changes.
  Task<Result<Step>> advance(Dispatcher& loop, std::string key, std::vector<Occurrence> events,
                             RecordRules rules);
  // The same, and returns once the answer is on disk and the key is free for others to ask.
  // `tail`: the last chunk of a long answer.
  Task<Status> complete(Dispatcher& loop, std::string key, std::vector<Occurrence> events,
                        RecordRules rules, StoredAnswer answer, std::string tail);
  // The execution ends without an answer that is kept. `chunks`: of one, written in vain.
  void leave(std::string key, std::vector<Occurrence> events, RecordRules rules,
             std::uint32_t chunks);
  // A part of an answer that is to be completed. False: it is not written.
  bool put_chunk(const std::string& key, const std::string& blob, std::uint32_t number,
                 std::string bytes);
  // A part of a completed answer; blocks. Error, `store_corrupt`: it is not there.
  Result<std::string> read_chunk(const std::string& blob, std::uint32_t number) const;

  // ---- for the process ----

  // Finds what an earlier process was at work on, bit by bit. `done` is called on the journal's
  // thread with the number of records that were found.
  void recover(std::function<void(std::size_t unknown, std::size_t released)> done);
  // Forgets some of what is over; call it again and again.
  void sweep();
  void bound(const Bounds& bounds);

  struct Counts {
    std::int64_t records = 0;
    std::int64_t bytes = 0;  // of answers
    std::int64_t in_flight = 0;
  };
  // About as it is now.
  [[nodiscard]] Counts counts() const;

 private:
  class AskJob;
  class StepJob;
  class ChunkJob;
  class RecoverJob;
  class SweepJob;
  struct Live {
    StoredRecord stored;
    std::shared_ptr<Recording> recording;
    std::string blob;
    bool on_disk = false;  // there is a record, of whatever state
    bool marked = false;   // as in flight
    bool broken = false;   // a chunk was not written
  };
  // All of the following on the journal's thread.
  Status begin(store::Transaction& store);
  [[nodiscard]] std::int64_t now_ms() noexcept;
  Result<std::optional<StoredRecord>> load(store::Transaction& store, std::string_view key);
  [[nodiscard]] Record at_rest(const Record& record, const RecordRules& rules,
                               std::int64_t now_ms) const;
  void persist(store::Transaction& store, const std::string& key, Live& live,
               const std::optional<StoredRecord>& before);
  void erase_answer(store::Transaction& store, const StoredAnswer& answer);
  void put_counts(store::Transaction& store);
  void mark(store::Transaction& store, const std::string& key, Live& live);
  void unmark(store::Transaction& store, const std::string& key, Live& live);
  // A batch was not written, or nobody knows: what was read or made is read again.
  void distrust() noexcept;
  void restore(const std::string& key, const StoredRecord& before);
  [[nodiscard]] bool leased(const std::string& blob);
  [[nodiscard]] bool full() const noexcept;
  void submit_recovery(std::string from, std::size_t unknown, std::size_t released,
                       std::function<void(std::size_t, std::size_t)> done);

  store::Journal& journal_;
  const Clock clock_;
  std::unordered_map<std::string, Live> live_;
  std::unordered_map<std::string, std::weak_ptr<BlobLease>> leases_;
  std::uint64_t epoch_ = 0;     // of this process; 0: not known yet
  bool epoch_kept_ = false;     // it is on disk
  bool counted_ = false;        // records_ and bytes_ are what is on disk
  std::string counts_;          // as they are written
  std::int64_t latest_ms_ = 0;  // the clock was never later
  std::string swept_;           // up to this name
  std::atomic<std::int64_t> records_ = 0, bytes_ = 0, in_flight_ = 0;
  std::atomic<std::uint64_t> most_bytes_ = Bounds{}.bytes, most_records_ = Bounds{}.records;
};

}  // namespace outrigger::filters
