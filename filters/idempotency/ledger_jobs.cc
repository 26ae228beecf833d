#include "filters/idempotency/ledger_jobs.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "proxy/base/random.h"

namespace outrigger::filters {
namespace {

constexpr std::size_t kBlobBytes = 16;

template <class T>
void tell(Dispatcher& loop, const std::shared_ptr<Pending<T>>& pending, Result<T> value) {
  pending->value = std::move(value);
  loop.post([pending] { pending->done.notify(); });
}

std::string random_blob() {
  std::string blob;
  while (blob.size() < kBlobBytes) {
    const std::uint64_t bits = secure_seed();
    blob.append(reinterpret_cast<const char*>(&bits), sizeof bits);
  }
  return blob;
}

class AskJob final : public store::Job {
 public:
  AskJob(Records& records, Question question, Dispatcher& loop,
         std::shared_ptr<Pending<Found>> pending)
      : records_(records),
        question_(std::move(question)),
        loop_(loop),
        pending_(std::move(pending)) {}

  void run(store::Transaction& store) override {
    if (Status begun = records_.begin(store); !begun) {
      answer_ = std::unexpected(begun.error());
      return;
    }
    const LiveRecord* live = records_.find(question_.key);
    if (live == nullptr || live->left) {
      answer_ = first(store, live);
    } else if (question_.fresh) {
      answer_ = Found{};  // there is room for one: this one goes without
    } else {
      answer_ = duplicate_of(*live);
    }
  }
  void settle(const Status& written) override {
    if (!written) {
      if (claimed_) records_.drop(question_.key);
      records_.distrust();
      answer_ = std::unexpected(written.error());
    }
    tell(loop_, pending_, std::move(answer_));
  }

 private:
  // Whether it is the request that the record was made for; nothing: it takes the other kind of
  // fingerprint to tell.
  [[nodiscard]] std::optional<Sameness> compare(const Fingerprint& with) const {
    if (question_.only_reads) return Sameness::kSame;
    if (with.kind == FingerprintKind::kRaw) {
      return with == question_.raw ? Sameness::kSame : Sameness::kOther;
    }
    if (!question_.canonical) return std::nullopt;
    return with == *question_.canonical ? Sameness::kSame : Sameness::kOther;
  }

  static Found unlike() {
    Found answer;
    answer.needs_canonical = true;
    return answer;
  }

  Result<Found> duplicate_of(const LiveRecord& live) {
    const auto same = compare(live.stored.fingerprint);
    if (!same) return unlike();
    Found answer;
    answer.record = live.stored.record;
    answer.request_id = live.stored.request_id;
    answer.reply = *same == Sameness::kOther ? Reply::kMismatch : Reply::kJoin;
    if (*same == Sameness::kSame) answer.running = live.recording;
    return answer;
  }

  // Nobody is at work on it; `left`: since an earlier job of this batch, if it is one.
  Result<Found> first(store::Transaction& store, const LiveRecord* left) {
    auto found = records_.load(store, question_.key);
    if (!found) return std::unexpected(found.error());
    const std::int64_t now = records_.now_ms();
    StoredRecord stored = found->value_or(StoredRecord{});
    if (left != nullptr) stored = left->stored;
    disk_.on_disk = found->has_value();
    disk_.disk_expires_ms = *found ? (*found)->record.expires_ms : 0;
    const RecordState before = stored.record.state;
    if (question_.fresh) stored.record = {.epoch = stored.record.epoch};
    stored.record = records_.at_rest(stored.record, question_.rules, now);
    // What was said to be over is so in the next process, too.
    if (!is_in_flight(before) && stored.record.state != before) records_.keep_clock(store);
    const auto same = compare(stored.fingerprint);
    if (!same && stored.record.state != RecordState::kAbsent) return unlike();
    Found answer;
    answer.record = stored.record;
    answer.request_id = stored.request_id;
    answer.reply = reply_to(stored.record, same.value_or(Sameness::kOther), question_.rules, now);
    if (question_.only_reads && answer.reply != Reply::kReplay) {
      if (answer.reply == Reply::kExecute) answer.reply = Reply::kGone;
      return answer;
    }
    switch (answer.reply) {
      case Reply::kExecute:
        return claim(store, std::move(stored), now);
      case Reply::kWait:
        if (question_.resolution != Resolution::kNone)
          return resolve(store, std::move(stored), now);
        if (can_resolve(stored.record, now)) return own(store, std::move(stored));
        break;
      case Reply::kDead:
        if (question_.resolution != Resolution::kNone)
          return resolve(store, std::move(stored), now);
        break;
      case Reply::kReplay:
        return replay(std::move(answer), std::move(stored));
      default:
        break;
    }
    return answer;
  }

  [[nodiscard]] bool can_resolve(const Record& record, std::int64_t now) const {
    const RecordRules& rules = question_.rules;
    if (may_send_unknown(record, rules, now)) return true;
    return rules.can_probe && record.probes < rules.most_probes;
  }

  Result<Found> claim(store::Transaction& store, StoredRecord stored, std::int64_t now) {
    if (records_.full()) {
      return std::unexpected(store_error("store_full", "the store holds as much as it may"));
    }
    const auto step =
        next(stored.record, {RecordEvent::kClaim, now, records_.epoch()}, question_.rules);
    if (!step) {
      return std::unexpected(store_error("proxy_internal_error", "a key cannot be claimed"));
    }
    stored.record = step->record;
    stored.fingerprint = question_.canonical.value_or(question_.raw);
    disk_.replaced = std::exchange(stored.answer, std::nullopt);  // it is over, and not swept yet
    return own(store, std::move(stored));
  }

  // A person has looked. A resubmission that ends before it is sent leaves all as it was.
  Result<Found> resolve(store::Transaction& store, StoredRecord stored, std::int64_t now) {
    const bool again = question_.resolution == Resolution::kResubmit;
    for (const RecordEvent event :
         {RecordEvent::kGiveUp, again ? RecordEvent::kResubmit : RecordEvent::kDiscard}) {
      if (event == RecordEvent::kGiveUp && stored.record.state == RecordState::kDead) continue;
      const auto step = next(stored.record, {event, now, records_.epoch()}, question_.rules);
      if (!step) {
        return std::unexpected(store_error("proxy_internal_error", "it cannot be resolved"));
      }
      stored.record = step->record;
    }
    if (again) return own(store, std::move(stored));
    LiveRecord discarded = disk_;
    discarded.stored = std::move(stored);
    records_.persist(store, question_.key, discarded);
    records_.put_counts(store);
    Found answer;
    answer.record = discarded.stored.record;
    answer.request_id = discarded.stored.request_id;
    answer.reply = Reply::kGone;
    return answer;
  }

  // What may have been executed stays what it is until it is sent again, or was asked after.
  Result<Found> own(store::Transaction& store, StoredRecord stored) {
    Status erased = records_.erase_remains(store, question_.key,
                                           disk_.replaced ? disk_.replaced : stored.answer);
    if (!erased) return std::unexpected(std::move(erased).error());
    stored.request_id = question_.request_id;
    stored.remember_ms = question_.rules.remember_ms;
    Found answer;
    answer.record = stored.record;
    answer.running = std::make_shared<Recording>(loop_);
    answer.blob = random_blob();
    answer.request_id = question_.request_id;
    LiveRecord live = disk_;
    live.stored = std::move(stored);
    live.recording = answer.running;
    live.blob = answer.blob;
    records_.own(question_.key, std::move(live));
    claimed_ = true;
    return answer;
  }

  Result<Found> replay(Found answer, StoredRecord stored) {
    if (!stored.answer || !stored.answer->kept) {
      answer.reply = Reply::kGone;
      return answer;
    }
    if (!stored.answer->blob.empty()) {
      answer.lease = records_.lease(stored.answer->blob);
    }
    answer.answer = std::move(stored.answer);
    return answer;
  }

  Records& records_;
  const Question question_;
  Dispatcher& loop_;
  const std::shared_ptr<Pending<Found>> pending_;
  Result<Found> answer_ = std::unexpected(Error{});
  LiveRecord disk_;  // what is on disk of it
  bool claimed_ = false;
};

// Brings a record on, and may end the execution with that.
class StepJob final : public store::Job {
 public:
  StepJob(Records& records, Way what, Dispatcher* loop, std::shared_ptr<Pending<Step>> pending)
      : records_(records), what_(std::move(what)), loop_(loop), pending_(std::move(pending)) {}

  void run(store::Transaction& store) override {
    LiveRecord* const live = records_.find(what_.key);
    if (live == nullptr) {
      outcome_ =
          std::unexpected(store_error("store_io", "the record was lost with a failed write"));
      return;
    }
    before_ = *live;
    if (Status begun = records_.begin(store); !begun) {
      outcome_ = std::unexpected(begun.error());
      return;
    }
    outcome_ = go(*live);
    if (outcome_) write(store, *live);
    // In vain; but an answer that is there after all has its parts.
    const bool kept = live->stored.answer && live->stored.answer->blob == live->blob;
    if (what_.leaves && !kept && (outcome_ || !what_.answer)) {
      records_.erase_chunks(store, live->blob, std::exchange(live->chunks, 0));
      if (!is_in_flight(live->stored.record.state)) records_.unmark(store, what_.key, *live);
      live->left = true;
    }
    records_.put_counts(store);
  }

  void settle(const Status& written) override {
    if (!written) {
      records_.distrust();
      if (before_ && is_mine()) records_.restore(what_.key, *before_);
      outcome_ = std::unexpected(written.error());
    }
    if (what_.leaves && (outcome_ || !what_.answer) && is_mine()) records_.drop(what_.key);
    if (loop_ != nullptr) tell(*loop_, pending_, std::move(outcome_));
  }

 private:
  // Nobody has taken the key over within the batch.
  [[nodiscard]] bool is_mine() const {
    const LiveRecord* live = records_.find(what_.key);
    return live != nullptr && before_ && live->recording == before_->recording;
  }

  Result<Step> go(LiveRecord& live) const {
    Step last{.record = live.stored.record};
    const bool done = what_.answer && last.record.state == RecordState::kCompleted;
    if (done) return last;  // by a write of which nobody knew
    if (what_.answer && live.broken) {
      return std::unexpected(store_error("store_io", "a part of the answer was not written"));
    }
    for (Occurrence each : what_.events) {
      // The write that said so may have reached the disk all the same, and nothing was sent.
      const bool abandons = each.event == RecordEvent::kAbandon;
      if (abandons && last.record.state == RecordState::kDispatched) {
        each.event = RecordEvent::kUnexecuted;
      }
      each.now_ms += records_.lag_ms();
      each.epoch = records_.epoch();
      each.attempt = last.record.attempt;
      const Barrier so_far = last.barrier;
      const auto step = next(last.record, each, what_.rules);
      if (!step) {
        return std::unexpected(
            Error{Errc::kInternal, Origin::kProxy, Phase::kNoConnection, "proxy_internal_error",
                  "a record cannot go on from " + std::string(to_string(last.record.state))});
      }
      last = *step;
      last.barrier = std::max(last.barrier, so_far);
    }
    return last;
  }

  void write(store::Transaction& store, LiveRecord& live) {
    const bool changed = outcome_->record != live.stored.record;
    live.stored.record = outcome_->record;
    if (!changed || (outcome_->barrier != Barrier::kSynced && !live.on_disk)) return;
    if (what_.answer) put_answer(store, live);
    records_.persist(store, what_.key, live);
  }

  void put_answer(store::Transaction& store, LiveRecord& live) {
    StoredAnswer& answer = *what_.answer;
    if (!answer.blob.empty()) {
      store.put(chunk_name(answer.blob, answer.chunks() - 1), std::move(what_.tail));
      live.chunks = answer.chunks();
    }
    records_.count_answer(answer);
    live.stored.answer = std::move(answer);
  }

  Records& records_;
  Way what_;
  Dispatcher* loop_;  // nullptr: nobody waits
  const std::shared_ptr<Pending<Step>> pending_;
  std::optional<LiveRecord> before_;
  Result<Step> outcome_ = std::unexpected(Error{});
};

class ChunkJob final : public store::Job {
 public:
  ChunkJob(Records& records, std::string key, std::string name, std::string bytes)
      : records_(records), key_(std::move(key)), name_(std::move(name)), bytes_(std::move(bytes)) {}
  void run(store::Transaction& store) override {
    LiveRecord* const live = records_.find(key_);
    if (live == nullptr || live->broken) return;
    if (!records_.begin(store)) {
      live->broken = true;
      return;
    }
    records_.mark_chunks(store, key_, *live);  // else nobody would find it after a crash
    ++live->chunks;
    store.put(std::move(name_), std::move(bytes_));
  }
  void settle(const Status& written) override {
    if (written) return;
    records_.distrust();
    LiveRecord* const live = records_.find(key_);
    if (live == nullptr) return;
    live->broken = live->doubted = true;
    live->marked = live->chunked = false;
  }

 private:
  Records& records_;
  std::string key_, name_, bytes_;
};

}  // namespace

Error store_error(std::string_view reason, std::string detail) {
  return {Errc::kOverload, Origin::kProxy, Phase::kNoConnection, reason, std::move(detail)};
}

std::unique_ptr<store::Job> ask_job(Records& records, Question question, Dispatcher& loop,
                                    std::shared_ptr<Pending<Found>> pending) {
  return std::make_unique<AskJob>(records, std::move(question), loop, std::move(pending));
}

std::unique_ptr<store::Job> step_job(Records& records, Way way, Dispatcher* loop,
                                     std::shared_ptr<Pending<Step>> pending) {
  return std::make_unique<StepJob>(records, std::move(way), loop, std::move(pending));
}

std::unique_ptr<store::Job> chunk_job(Records& records, std::string key, std::string name,
                                      std::string bytes) {
  return std::make_unique<ChunkJob>(records, std::move(key), std::move(name), std::move(bytes));
}

}  // namespace outrigger::filters
