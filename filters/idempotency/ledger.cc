#include "filters/idempotency/ledger.h"

#include <algorithm>
#include <utility>

#include "proxy/base/random.h"

namespace outrigger::filters {

class BlobLease {};

namespace {

constexpr std::string_view kEpochName = "m/epoch";
constexpr std::string_view kClockName = "m/clock";
constexpr std::string_view kSweptName = "m/swept";
constexpr std::string_view kCountsName = "m/counts";
constexpr std::size_t kBlobBytes = 16;
constexpr std::size_t kSweptAtOnce = 500;
constexpr std::size_t kFoundAtOnce = 1000;
constexpr std::int64_t kLeaseMs = 60'000;

std::string number_text(std::uint64_t value) {
  return std::to_string(value);
}

std::uint64_t number_of(const std::optional<std::string>& text) {
  return text ? std::strtoull(text->c_str(), nullptr, 10) : 0;
}

std::string random_blob() {
  std::string blob;
  while (blob.size() < kBlobBytes) {
    const std::uint64_t bits = secure_seed();
    blob.append(reinterpret_cast<const char*>(&bits), sizeof bits);
  }
  return blob;
}

Error store_error(std::string_view reason, std::string detail) {
  return {Errc::kOverload, Origin::kProxy, Phase::kNoConnection, reason, std::move(detail)};
}

// Whoever waits on a loop for what the journal's thread finds out. Outlives both.
template <class T>
struct Pending {
  Signal done;
  std::optional<Result<T>> value;
};

template <class T>
void tell(Dispatcher& loop, const std::shared_ptr<Pending<T>>& pending, Result<T> value) {
  pending->value = std::move(value);
  loop.post([pending] { pending->done.notify(); });
}

template <class T>
Task<Result<T>> wait_for(std::shared_ptr<Pending<T>> pending) {
  CancelScope unhurried;
  CO_TRY(co_await pending->done.wait(unhurried));
  co_return std::move(*pending->value);
}

// What a process that is not there any more, or an execution that is over without a word, means.
RecordEvent orphaned(RecordState state) noexcept {
  switch (state) {
    case RecordState::kClaimed:
      return RecordEvent::kAbandon;
    case RecordState::kVerifying:
      return RecordEvent::kUnclear;
    default:
      return RecordEvent::kLost;
  }
}

}  // namespace

// ---- the jobs ----

class Ledger::AskJob final : public store::Job {
 public:
  AskJob(Ledger& ledger, Question question, Dispatcher& loop,
         std::shared_ptr<Pending<Answer>> pending)
      : ledger_(ledger),
        question_(std::move(question)),
        loop_(loop),
        pending_(std::move(pending)) {}

  void run(store::Transaction& store) override {
    if (Status begun = ledger_.begin(store); !begun) {
      answer_ = std::unexpected(begun.error());
      return;
    }
    const auto live = ledger_.live_.find(question_.key);
    answer_ = live != ledger_.live_.end() ? duplicate_of(live->second) : first(store);
  }
  void settle(const Status& written) override {
    if (!written) {
      if (claimed_) ledger_.live_.erase(question_.key);
      ledger_.distrust();
      answer_ = std::unexpected(written.error());
    }
    ledger_.in_flight_ = static_cast<std::int64_t>(ledger_.live_.size());
    tell(loop_, pending_, std::move(answer_));
  }

 private:
  // Whether it is the request that the record was made for; nothing: it takes the other kind of
  // fingerprint to tell.
  [[nodiscard]] std::optional<Sameness> compare(const Fingerprint& with) const {
    if (with.kind == FingerprintKind::kRaw) {
      return with == question_.raw ? Sameness::kSame : Sameness::kOther;
    }
    if (!question_.canonical) return std::nullopt;
    return with == *question_.canonical ? Sameness::kSame : Sameness::kOther;
  }

  static Answer unlike() {
    Answer answer;
    answer.needs_canonical = true;
    return answer;
  }

  Result<Answer> duplicate_of(const Live& live) {
    const auto same = compare(live.stored.fingerprint);
    if (!same) return unlike();
    Answer answer;
    answer.record = live.stored.record;
    answer.request_id = live.stored.request_id;
    answer.reply = *same == Sameness::kOther ? Reply::kMismatch : Reply::kJoin;
    if (*same == Sameness::kSame) answer.running = live.recording;
    return answer;
  }

  // Nobody is at work on it.
  Result<Answer> first(store::Transaction& store) {
    auto found = ledger_.load(store, question_.key);
    if (!found) return std::unexpected(found.error());
    const std::int64_t now = ledger_.now_ms();
    StoredRecord stored = found->value_or(StoredRecord{});
    stored.record = ledger_.at_rest(stored.record, question_.rules, now);
    const auto same = compare(stored.fingerprint);
    if (!same && stored.record.state != RecordState::kAbsent) return unlike();
    Answer answer;
    answer.record = stored.record;
    answer.request_id = stored.request_id;
    answer.reply = reply_to(stored.record, same.value_or(Sameness::kOther), question_.rules, now);
    switch (answer.reply) {
      case Reply::kExecute:
        return claim(store, std::move(stored), found->has_value(), now);
      case Reply::kWait:
        if (can_resolve(stored.record, now)) return take_over(std::move(stored));
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

  Result<Answer> claim(store::Transaction& store, StoredRecord stored, bool on_disk,
                       std::int64_t now) {
    if (ledger_.full()) {
      return std::unexpected(store_error("store_full", "the store holds as much as it may"));
    }
    const auto step =
        next(stored.record, {RecordEvent::kClaim, now, ledger_.epoch_}, question_.rules);
    if (!step)
      return std::unexpected(store_error("proxy_internal_error", "a key cannot be claimed"));
    stored.record = step->record;
    stored.fingerprint = question_.canonical.value_or(question_.raw);
    if (stored.answer) {  // it is over, and was not swept yet
      ledger_.erase_answer(store, *stored.answer);
      ledger_.put_counts(store);
      stored.answer.reset();
    }
    return own(std::move(stored), on_disk);
  }

  // What may have been executed is sent again or asked after: it stays what it is until then.
  Result<Answer> take_over(StoredRecord stored) { return own(std::move(stored), true); }

  Result<Answer> own(StoredRecord stored, bool on_disk) {
    stored.request_id = question_.request_id;
    stored.remember_ms = question_.rules.remember_ms;
    Answer answer;
    answer.record = stored.record;
    answer.running = std::make_shared<Recording>(loop_);
    answer.blob = random_blob();
    answer.request_id = question_.request_id;
    ledger_.live_.insert_or_assign(question_.key, Live{.stored = std::move(stored),
                                                       .recording = answer.running,
                                                       .blob = answer.blob,
                                                       .on_disk = on_disk});
    claimed_ = true;
    return answer;
  }

  Result<Answer> replay(Answer answer, StoredRecord stored) {
    if (!stored.answer || !stored.answer->kept) {
      answer.reply = Reply::kGone;
      return answer;
    }
    if (!stored.answer->blob.empty()) {
      std::weak_ptr<BlobLease>& lease = ledger_.leases_[stored.answer->blob];
      answer.lease = lease.lock();
      if (answer.lease == nullptr) lease = answer.lease = std::make_shared<BlobLease>();
    }
    answer.answer = std::move(stored.answer);
    return answer;
  }

  Ledger& ledger_;
  const Question question_;
  Dispatcher& loop_;
  const std::shared_ptr<Pending<Answer>> pending_;
  Result<Answer> answer_ = std::unexpected(Error{});
  bool claimed_ = false;
};

// Brings a record on, and may end the execution with that.
class Ledger::StepJob final : public store::Job {
 public:
  struct What {
    std::string key;
    std::vector<Occurrence> events;
    RecordRules rules;
    std::optional<StoredAnswer> answer = {};
    std::string tail = {};
    bool leaves = false;
    std::uint32_t chunks = 0;  // of no use any more
  };
  StepJob(Ledger& ledger, What what, Dispatcher* loop, std::shared_ptr<Pending<Step>> pending)
      : ledger_(ledger), what_(std::move(what)), loop_(loop), pending_(std::move(pending)) {}

  void run(store::Transaction& store) override {
    if (Status begun = ledger_.begin(store); !begun) {
      outcome_ = std::unexpected(begun.error());
      return;
    }
    const auto found = ledger_.live_.find(what_.key);
    if (found == ledger_.live_.end()) {
      outcome_ =
          std::unexpected(store_error("store_io", "the record was lost with a failed write"));
      return;
    }
    Live& live = found->second;
    before_ = live.stored;
    was_on_disk_ = live.on_disk;
    outcome_ = go(live);
    if (outcome_ && what_.answer && live.broken) {
      outcome_ = std::unexpected(store_error("store_io", "a part of the answer was not written"));
    }
    if (!outcome_) {
      live.stored = *before_;
    } else if (outcome_->barrier == Barrier::kSynced || live.on_disk) {
      if (what_.answer) put_answer(store, live);
      ledger_.persist(store, what_.key, live, was_on_disk_ ? before_ : std::nullopt);
    }
    if (what_.leaves && outcome_ && !is_in_flight(live.stored.record.state)) {
      ledger_.unmark(store, what_.key, live);
    }
    for (std::uint32_t i = 0; i < what_.chunks; ++i) store.erase(chunk_name(live.blob, i));
    ledger_.put_counts(store);
  }

  void settle(const Status& written) override {
    if (!written) {
      ledger_.distrust();
      if (before_) ledger_.restore(what_.key, *before_);
      outcome_ = std::unexpected(written.error());
    }
    if (what_.leaves && (outcome_ || !what_.answer)) ledger_.live_.erase(what_.key);
    ledger_.in_flight_ = static_cast<std::int64_t>(ledger_.live_.size());
    if (loop_ != nullptr) tell(*loop_, pending_, std::move(outcome_));
  }

 private:
  Result<Step> go(Live& live) const {
    Step last{.record = live.stored.record};
    for (Occurrence each : what_.events) {
      each.epoch = ledger_.epoch_;
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
    live.stored.record = last.record;
    return last;
  }

  void put_answer(store::Transaction& store, Live& live) {
    StoredAnswer& answer = *what_.answer;
    if (!answer.blob.empty()) {
      store.put(chunk_name(answer.blob, answer.chunks() - 1), std::move(what_.tail));
    }
    ledger_.bytes_ += static_cast<std::int64_t>(answer.length);
    live.stored.answer = std::move(answer);
  }

  Ledger& ledger_;
  What what_;
  Dispatcher* loop_;  // nullptr: nobody waits
  const std::shared_ptr<Pending<Step>> pending_;
  std::optional<StoredRecord> before_;
  bool was_on_disk_ = false;
  Result<Step> outcome_ = std::unexpected(Error{});
};

class Ledger::ChunkJob final : public store::Job {
 public:
  ChunkJob(Ledger& ledger, std::string key, std::string name, std::string bytes)
      : ledger_(ledger), key_(std::move(key)), name_(std::move(name)), bytes_(std::move(bytes)) {}
  void run(store::Transaction& store) override {
    const auto live = ledger_.live_.find(key_);
    if (live == ledger_.live_.end() || !ledger_.begin(store)) return;
    ledger_.mark(store, key_, live->second);  // else nobody would find it after a crash
    store.put(std::move(name_), std::move(bytes_));
  }
  void settle(const Status& written) override {
    if (written) return;
    ledger_.distrust();
    const auto live = ledger_.live_.find(key_);
    if (live != ledger_.live_.end()) live->second.broken = true;
  }

 private:
  Ledger& ledger_;
  std::string key_, name_, bytes_;
};

class Ledger::RecoverJob final : public store::Job {
 public:
  using Done = std::function<void(std::size_t, std::size_t)>;
  RecoverJob(Ledger& ledger, std::string from, std::size_t unknown, std::size_t released, Done done)
      : ledger_(ledger),
        from_(std::move(from)),
        unknown_(unknown),
        released_(released),
        done_(std::move(done)) {}

  void run(store::Transaction& store) override {
    if (!ledger_.begin(store)) return;
    std::vector<std::pair<std::string, std::string>> marks;
    const Status scanned =
        store.scan_from(kInFlightPrefix, from_, [&](std::string_view name, std::string_view blob) {
          marks.emplace_back(name, blob);
          return marks.size() < kFoundAtOnce;
        });
    more_ = scanned && marks.size() == kFoundAtOnce;
    if (!marks.empty()) from_ = marks.back().first + '\0';
    for (const auto& [name, blob] : marks) recover(store, name, blob);
    ledger_.put_counts(store);
  }
  void settle(const Status& written) override {
    if (!written) return ledger_.distrust();
    if (more_) return ledger_.submit_recovery(from_, unknown_, released_, std::move(done_));
    if (done_) done_(unknown_, released_);
  }

 private:
  void recover(store::Transaction& store, const std::string& name, const std::string& blob) {
    const std::string key = name.substr(kInFlightPrefix.size());
    if (ledger_.live_.contains(key)) return;
    auto found = ledger_.load(store, key);
    if (!found) return;  // it is damaged: `outrigger store check` names it
    store.erase(name);
    erase_chunks(store, blob);
    if (!*found) return;
    StoredRecord& stored = **found;
    Live live{
        .stored = stored, .recording = nullptr, .blob = blob, .on_disk = true, .marked = true};
    live.stored.record = ledger_.at_rest(stored.record, RecordRules{}, ledger_.now_ms());
    if (live.stored.record == stored.record) return;
    (live.stored.record.state == RecordState::kUnknown ? unknown_ : released_) += 1;
    ledger_.persist(store, key, live, stored);
  }
  static void erase_chunks(store::Transaction& store, const std::string& blob) {
    std::vector<std::string> names;
    const std::string prefix = chunk_name(blob, 0).substr(0, 2 + blob.size());
    if (blob.size() != kBlobBytes) return;
    (void)store.scan_from(prefix, {}, [&](std::string_view each, std::string_view) {
      names.emplace_back(each);
      return true;
    });
    for (std::string& each : names) store.erase(std::move(each));
  }

  Ledger& ledger_;
  std::string from_;
  std::size_t unknown_, released_;
  Done done_;
  bool more_ = false;
};

class Ledger::SweepJob final : public store::Job {
 public:
  explicit SweepJob(Ledger& ledger) : ledger_(ledger) {}

  void run(store::Transaction& store) override {
    if (!ledger_.begin(store)) return;
    const std::int64_t now = ledger_.now_ms();
    const std::string end = expiry_name(now + 1, {});
    std::vector<std::string> due;
    const Status scanned = store.scan_from(kExpiryPrefix, ledger_.swept_,
                                           [&](std::string_view name, std::string_view) {
                                             if (name >= end) return false;
                                             due.emplace_back(name);
                                             return due.size() < kSweptAtOnce;
                                           });
    if (!scanned || due.empty()) return;
    for (const std::string& name : due) sweep(store, name, now);
    ledger_.swept_ = due.back();
    store.put(std::string(kSweptName), ledger_.swept_);
    store.put(std::string(kClockName), number_text(static_cast<std::uint64_t>(now)));
    ledger_.put_counts(store);
    more_ = due.size() == kSweptAtOnce;
  }
  void settle(const Status& written) override {
    if (!written) ledger_.distrust();
    if (written && more_) ledger_.sweep();
  }

 private:
  void sweep(store::Transaction& store, const std::string& name, std::int64_t now) {
    const std::string key = name.substr(expiry_name(0, {}).size());
    auto found = ledger_.load(store, key);
    if (!found || ledger_.live_.contains(key)) return;
    if (!*found || expiry_name((*found)->record.expires_ms, key) != name) return store.erase(name);
    StoredRecord& stored = **found;
    RecordRules rules;
    rules.remember_ms = stored.remember_ms;
    Live live{.stored = stored, .recording = nullptr, .blob = {}, .on_disk = true};
    if (stored.answer && ledger_.leased(stored.answer->blob)) {  // somebody reads it: later
      live.stored.record.expires_ms = now + kLeaseMs;
    } else {
      live.stored.record = as_of(stored.record, rules, now);
      if (live.stored.answer) ledger_.erase_answer(store, *live.stored.answer);
      live.stored.answer.reset();
    }
    ledger_.persist(store, key, live, stored);
    store.erase(name);
  }

  Ledger& ledger_;
  bool more_ = false;
};

// ---- any thread ----

Ledger::Ledger(store::Journal& journal, Clock clock) : journal_(journal), clock_(clock) {}
Ledger::~Ledger() = default;

Task<Result<Ledger::Answer>> Ledger::ask(Dispatcher& loop, Question question) {
  auto pending = std::make_shared<Pending<Answer>>();
  if (!journal_.submit(std::make_unique<AskJob>(*this, std::move(question), loop, pending))) {
    co_return std::unexpected(store_error("store_busy", "too many requests wait for the disk"));
  }
  co_return co_await wait_for(std::move(pending));
}

Task<Result<Step>> Ledger::advance(Dispatcher& loop, std::string key,
                                   std::vector<Occurrence> events, RecordRules rules) {
  auto pending = std::make_shared<Pending<Step>>();
  StepJob::What what{.key = std::move(key), .events = std::move(events), .rules = rules};
  if (!journal_.submit(std::make_unique<StepJob>(*this, std::move(what), &loop, pending))) {
    co_return std::unexpected(store_error("store_busy", "too many requests wait for the disk"));
  }
  co_return co_await wait_for(std::move(pending));
}

Task<Status> Ledger::complete(Dispatcher& loop, std::string key, std::vector<Occurrence> events,
                              RecordRules rules, StoredAnswer answer, std::string tail) {
  auto pending = std::make_shared<Pending<Step>>();
  StepJob::What what{.key = std::move(key),
                     .events = std::move(events),
                     .rules = rules,
                     .answer = std::move(answer),
                     .tail = std::move(tail),
                     .leaves = true};
  if (!journal_.submit(std::make_unique<StepJob>(*this, std::move(what), &loop, pending))) {
    co_return std::unexpected(store_error("store_busy", "too many requests wait for the disk"));
  }
  CO_TRY(co_await wait_for(std::move(pending)));
  co_return Status{};
}

void Ledger::leave(std::string key, std::vector<Occurrence> events, RecordRules rules,
                   std::uint32_t chunks) {
  StepJob::What what{.key = std::move(key),
                     .events = std::move(events),
                     .rules = rules,
                     .leaves = true,
                     .chunks = chunks};
  journal_.submit_always(std::make_unique<StepJob>(*this, std::move(what), nullptr, nullptr));
}

bool Ledger::put_chunk(const std::string& key, const std::string& blob, std::uint32_t number,
                       std::string bytes) {
  return journal_.submit(
      std::make_unique<ChunkJob>(*this, key, chunk_name(blob, number), std::move(bytes)));
}

Result<std::string> Ledger::read_chunk(const std::string& blob, std::uint32_t number) const {
  const store::Store* store = journal_.store();
  if (store == nullptr) return std::unexpected(store_error("store_io", "the store is closed"));
  auto found = store->get(chunk_name(blob, number));
  if (!found) return std::unexpected(std::move(found).error());
  if (!*found) {
    return std::unexpected(store_error("store_corrupt", "a part of a stored answer is missing"));
  }
  return std::move(**found);
}

void Ledger::recover(std::function<void(std::size_t, std::size_t)> done) {
  submit_recovery(std::string(kInFlightPrefix), 0, 0, std::move(done));
}

void Ledger::submit_recovery(std::string from, std::size_t unknown, std::size_t released,
                             std::function<void(std::size_t, std::size_t)> done) {
  journal_.submit_always(
      std::make_unique<RecoverJob>(*this, std::move(from), unknown, released, std::move(done)));
}

void Ledger::sweep() {
  (void)journal_.submit(std::make_unique<SweepJob>(*this));
}

void Ledger::bound(const Bounds& bounds) {
  most_bytes_ = bounds.bytes;
  most_records_ = bounds.records;
}

Ledger::Counts Ledger::counts() const {
  return {records_, bytes_, in_flight_};
}

// ---- the journal's thread ----

Status Ledger::begin(store::Transaction& store) {
  if (epoch_ == 0) {
    const auto epoch = store.get(kEpochName);
    if (!epoch) return std::unexpected(epoch.error());
    const auto clock = store.get(kClockName);
    if (!clock) return std::unexpected(clock.error());
    const auto swept = store.get(kSweptName);
    if (!swept) return std::unexpected(swept.error());
    epoch_ = number_of(*epoch) + 1;
    latest_ms_ = std::max(latest_ms_, static_cast<std::int64_t>(number_of(*clock)));
    swept_ = swept->value_or(std::string(kExpiryPrefix));
  }
  if (!counted_) {
    const auto counts = store.get(kCountsName);
    if (!counts) return std::unexpected(counts.error());
    counts_ = counts->value_or("0 0");
    char* rest = nullptr;
    records_ = std::strtoll(counts_.c_str(), &rest, 10);
    bytes_ = std::strtoll(rest, nullptr, 10);
    counted_ = true;
  }
  if (!epoch_kept_) store.put(std::string(kEpochName), number_text(epoch_));
  epoch_kept_ = true;
  return {};
}

void Ledger::distrust() noexcept {
  counted_ = false;
  epoch_kept_ = false;
}

// The batch may be on disk all the same: what is there decides.
void Ledger::restore(const std::string& key, const StoredRecord& before) {
  const auto live = live_.find(key);
  if (live == live_.end()) return;
  live->second.stored = before;
  const store::Store* store = journal_.store();
  const auto bytes =
      store == nullptr ? Result<std::optional<std::string>>() : store->get(record_name(key));
  if (!bytes || !*bytes) return;
  auto stored = read_record(**bytes);
  if (!stored || stored->record.epoch != epoch_) return;
  live->second.on_disk = true;
  live->second.stored = std::move(*stored);
}

// A step back of the system's clock is waited out.
std::int64_t Ledger::now_ms() noexcept {
  latest_ms_ = std::max(latest_ms_, clock_() / 1000);
  return latest_ms_;
}

Result<std::optional<StoredRecord>> Ledger::load(store::Transaction& store, std::string_view key) {
  auto bytes = store.get(record_name(key));
  if (!bytes) return std::unexpected(std::move(bytes).error());
  if (!*bytes) return std::nullopt;
  auto stored = read_record(**bytes);
  if (!stored) return std::unexpected(store_error("store_corrupt", "a record cannot be read"));
  return stored;
}

// What an earlier process was at work on, or an execution of this one that ended with a failed
// write, and what time has done.
Record Ledger::at_rest(const Record& record, const RecordRules& rules, std::int64_t now) const {
  Record rested = record;
  if (is_in_flight(record.state)) {
    const bool earlier = record.epoch < epoch_;
    const RecordEvent event = earlier ? RecordEvent::kRestart : orphaned(record.state);
    if (const auto step = next(record, {event, now, epoch_, record.attempt}, rules)) {
      rested = step->record;
    }
  }
  return as_of(rested, rules, now);
}

void Ledger::persist(store::Transaction& store, const std::string& key, Live& live,
                     const std::optional<StoredRecord>& before) {
  const Record& record = live.stored.record;
  if (before && before->record.expires_ms != 0 && before->record.expires_ms != record.expires_ms) {
    store.erase(expiry_name(before->record.expires_ms, key));
  }
  is_in_flight(record.state) ? mark(store, key, live) : unmark(store, key, live);
  if (record.state == RecordState::kAbsent) {
    store.erase(record_name(key));
    if (before) --records_;
    live.on_disk = false;
    return;
  }
  store.put(record_name(key), write_record(live.stored));
  if (!before) ++records_;
  if (record.expires_ms != 0) store.put(expiry_name(record.expires_ms, key), {});
  live.on_disk = true;
}

void Ledger::mark(store::Transaction& store, const std::string& key, Live& live) {
  if (!std::exchange(live.marked, true)) store.put(in_flight_name(key), live.blob);
}

void Ledger::unmark(store::Transaction& store, const std::string& key, Live& live) {
  if (std::exchange(live.marked, false)) store.erase(in_flight_name(key));
}

void Ledger::erase_answer(store::Transaction& store, const StoredAnswer& answer) {
  for (std::uint32_t i = 0; i < answer.chunks(); ++i) store.erase(chunk_name(answer.blob, i));
  bytes_ -= static_cast<std::int64_t>(answer.length);
}

void Ledger::put_counts(store::Transaction& store) {
  std::string text = std::to_string(records_.load()) + ' ' + std::to_string(bytes_.load());
  if (text == counts_) return;
  store.put(std::string(kCountsName), text);
  counts_ = std::move(text);
}

bool Ledger::leased(const std::string& blob) {
  if (blob.empty()) return false;
  const auto lease = leases_.find(blob);
  if (lease == leases_.end()) return false;
  if (!lease->second.expired()) return true;
  leases_.erase(lease);
  return false;
}

bool Ledger::full() const noexcept {
  return bytes_ >= static_cast<std::int64_t>(most_bytes_.load()) ||
         records_ >= static_cast<std::int64_t>(most_records_.load());
}

}  // namespace outrigger::filters
