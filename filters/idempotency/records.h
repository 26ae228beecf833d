// The records of all keys, as the journal's thread has them: those that somebody is at work on in
// memory, all others in the store. Everything here is called on that thread, where one thing
// happens after the other, but for what says otherwise.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "filters/idempotency/question.h"
#include "filters/idempotency/record.h"
#include "filters/idempotency/stored_record.h"
#include "proxy/base/result.h"
#include "proxy/store/journal.h"

namespace outrigger::filters {

// A record that an execution has.
struct LiveRecord {
  StoredRecord stored;
  std::shared_ptr<Recording> recording;
  std::string blob;
  bool on_disk = false;                       // there is a record, of whatever state
  std::int64_t disk_expires_ms = 0;           // of that, where it is to be swept
  std::optional<StoredAnswer> replaced = {};  // of that: goes when another is written
  std::uint32_t chunks = 0;                   // of its answer that were written
  bool left = false;     // its execution is over: it is what the next batch will say
  bool marked = false;   // as in flight
  bool chunked = false;  // and the mark names parts of its answer
  bool broken = false;   // a chunk was not written
  bool doubted = false;  // a write failed: there may be a mark, or none
};

class Records {
 public:
  struct Bounds {
    std::uint64_t bytes = 4ull << 30;  // of all answers that are kept
    std::uint64_t records = 100'000'000;
  };
  struct Counts {
    std::int64_t records = 0;
    std::int64_t bytes = 0;  // of answers
    std::int64_t in_flight = 0;
  };
  using Clock = std::int64_t (*)() noexcept;  // microseconds since 1970
  Records(const store::Journal& journal, Clock clock) : journal_(journal), clock_(clock) {}

  // Any thread.
  void bound(const Bounds& bounds);
  [[nodiscard]] Counts counts() const;  // about as it is now

  // Before anything else of a job: reads what is to be known, and writes down that this process
  // is there.
  Status begin(store::Transaction& store);
  [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_; }
  // Milliseconds since 1970: never less than it was, in no process. Any thread.
  [[nodiscard]] std::int64_t now_ms() noexcept;

  // The record that somebody is at work on; nullptr: nobody is.
  [[nodiscard]] LiveRecord* find(const std::string& key);
  LiveRecord& own(const std::string& key, LiveRecord live);
  void drop(const std::string& key);

  // What the store has. Error, besides the store's: `store_corrupt`.
  Result<std::optional<StoredRecord>> load(store::Transaction& store, std::string_view key) const;
  // The record that nobody is at work on, as it is: what an earlier process, or an execution of
  // this one whose end was not written, has left, and what time has done.
  [[nodiscard]] Record at_rest(const Record& record, const RecordRules& rules,
                               std::int64_t now_ms) const;
  // Writes it, with what is to find it by, and takes away what was there.
  void persist(store::Transaction& store, const std::string& key, LiveRecord& live);
  // That it is in flight, for a process after this one.
  void mark(store::Transaction& store, const std::string& key, LiveRecord& live);
  // That parts of its answer are there, which nobody would find otherwise.
  void mark_chunks(store::Transaction& store, const std::string& key, LiveRecord& live);
  void unmark(store::Transaction& store, const std::string& key, LiveRecord& live);
  // What an earlier execution has left: parts of an answer that never was whole.
  Status erase_remains(store::Transaction& store, const std::string& key,
                       const std::optional<StoredAnswer>& kept);
  // Parts of an answer that is no more; those that somebody reads go later.
  void erase_chunks(store::Transaction& store, const std::string& blob, std::uint32_t chunks);
  void erase_answer(store::Transaction& store, const StoredAnswer& answer);
  void count_answer(const StoredAnswer& answer) noexcept;
  // Those that were left because somebody read them, and nobody does any more.
  void erase_garbage(store::Transaction& store);
  // Last of all in a job that has changed anything.
  void put_counts(store::Transaction& store);
  [[nodiscard]] bool full() const noexcept;

  // Keeps the chunks of an answer from being swept for as long as somebody has it.
  [[nodiscard]] std::shared_ptr<BlobLease> lease(const std::string& blob);
  [[nodiscard]] bool leased(const std::string& blob);

  // Writes down how late it is, where a decision rests on that.
  void keep_clock(store::Transaction& store);
  // How far the system's clock is behind that.
  [[nodiscard]] std::int64_t lag_ms() noexcept { return now_ms() - clock_() / 1000; }

  // Up to where expired records were swept.
  [[nodiscard]] const std::string& swept() const noexcept { return swept_; }
  void put_swept(store::Transaction& store, const std::string& up_to);

  // A batch was not written, or nobody knows: what was read or made is read again.
  void distrust() noexcept;
  // The same of a live record, which was like this.
  void restore(const std::string& key, LiveRecord before);

 private:
  const store::Journal& journal_;
  const Clock clock_;
  std::unordered_map<std::string, LiveRecord> live_;
  std::unordered_map<std::string, std::weak_ptr<BlobLease>> leases_;
  std::uint64_t epoch_ = 0;                  // of this process; 0: not known yet
  bool epoch_kept_ = false;                  // it is on disk
  bool read_ = false;                        // what follows is what is on disk
  std::string counts_;                       // as they are written
  std::atomic<std::int64_t> latest_ms_ = 0;  // the clock was never later
  std::int64_t clock_kept_ms_ = 0;           // as it is written
  std::string swept_;                        // up to this name
  std::atomic<std::int64_t> records_ = 0, bytes_ = 0, in_flight_ = 0;
  std::atomic<std::uint64_t> most_bytes_ = Bounds{}.bytes, most_records_ = Bounds{}.records;
};

}  // namespace outrigger::filters
