// The jobs of the ledger that nobody waits for: what an earlier process has left, and what is over.
#include <utility>
#include <vector>

#include "filters/idempotency/ledger_jobs.h"

namespace outrigger::filters {
namespace {

constexpr std::size_t kSweptAtOnce = 500;
constexpr std::size_t kFoundAtOnce = 1000;
constexpr std::uint32_t kMostFailures = 5;

class RecoverJob final : public store::Job {
 public:
  RecoverJob(Records& records, Recovery so_far, std::function<void(Recovery)> again)
      : records_(records), so_far_(std::move(so_far)), again_(std::move(again)) {}

  void run(store::Transaction& store) override {
    before_ = so_far_;
    read_ = records_.begin(store).has_value();
    if (!read_) return;
    std::vector<std::string> marks;
    const Status scanned = store.scan_from(kInFlightPrefix, so_far_.from,
                                           [&](std::string_view name, std::string_view) {
                                             marks.emplace_back(name);
                                             return marks.size() < kFoundAtOnce;
                                           });
    more_ = scanned && marks.size() == kFoundAtOnce;
    if (!marks.empty()) so_far_.from = marks.back() + '\0';
    read_ = scanned.has_value();
    for (const std::string& name : marks) read_ = recover(store, name) && read_;
    records_.put_counts(store);
  }
  void settle(const Status& written) override {
    if (!written) records_.distrust();
    if (!written || !read_) {
      so_far_ = std::move(before_);
      if (++so_far_.failures < kMostFailures) return again_(std::move(so_far_));
    }
    if (more_) return again_(std::move(so_far_));
    if (so_far_.done) so_far_.done(so_far_.unknown, so_far_.released);
  }

 private:
  // False: something could not be read now.
  bool recover(store::Transaction& store, const std::string& name) {
    const std::string key = name.substr(kInFlightPrefix.size());
    if (records_.find(key) != nullptr) return true;
    auto found = records_.load(store, key);
    if (!found) return found.error().reason == "store_corrupt";  // it is not mended by a repetition
    if (!records_.erase_remains(store, key, *found ? (*found)->answer : std::nullopt)) return false;
    if (!*found) return true;
    LiveRecord live;
    live.stored = **found;
    live.on_disk = live.marked = true;
    live.disk_expires_ms = live.stored.record.expires_ms;
    live.stored.record = records_.at_rest(live.stored.record, RecordRules{}, records_.now_ms());
    if (live.stored.record == (*found)->record) return true;
    const bool unknown = live.stored.record.state == RecordState::kUnknown;
    (unknown ? so_far_.unknown : so_far_.released) += 1;
    records_.persist(store, key, live);
    return true;
  }

  Records& records_;
  Recovery so_far_, before_;
  const std::function<void(Recovery)> again_;
  bool more_ = false;
  bool read_ = true;
};

class SweepJob final : public store::Job {
 public:
  SweepJob(Records& records, std::function<void()> again)
      : records_(records), again_(std::move(again)) {}

  void run(store::Transaction& store) override {
    if (!records_.begin(store)) return;
    const std::int64_t now = records_.now_ms();
    const std::string end = expiry_name(now + 1, {});
    std::vector<std::string> due;
    const Status scanned = store.scan_from(kExpiryPrefix, records_.swept(),
                                           [&](std::string_view name, std::string_view) {
                                             if (name >= end) return false;
                                             due.emplace_back(name);
                                             return due.size() < kSweptAtOnce;
                                           });
    records_.erase_garbage(store);
    if (!scanned || due.empty()) return;
    std::string reached = records_.swept();
    bool left = false;  // from there on it is looked again
    for (const std::string& name : due) {
      left = !sweep(store, name, now) || left;
      if (!left) reached = name;
    }
    records_.put_counts(store);
    if (reached == records_.swept()) return;
    records_.put_swept(store, reached);
    more_ = due.size() == kSweptAtOnce;
  }
  void settle(const Status& written) override {
    if (!written) records_.distrust();
    if (written && more_) again_();
  }

 private:
  // False: somebody is at work on it, or it cannot be read now.
  bool sweep(store::Transaction& store, const std::string& name, std::int64_t now) {
    const std::string key = name.substr(expiry_name(0, {}).size());
    auto found = records_.load(store, key);
    if (!found) return found.error().reason == "store_corrupt";
    if (records_.find(key) != nullptr) return false;
    const std::int64_t over = *found ? (*found)->record.expires_ms : 0;
    if (over == 0 || expiry_name(over, key) != name) {
      store.erase(name);
      return true;
    }
    RecordRules rules;
    rules.remember_ms = (*found)->remember_ms;
    LiveRecord live;
    live.stored = std::move(**found);
    live.on_disk = true;
    live.disk_expires_ms = over;
    live.stored.record = as_of(live.stored.record, rules, now);
    live.replaced = std::exchange(live.stored.answer, std::nullopt);
    records_.persist(store, key, live);
    return true;
  }

  Records& records_;
  const std::function<void()> again_;
  bool more_ = false;
};

}  // namespace

std::unique_ptr<store::Job> recover_job(Records& records, Recovery so_far,
                                        std::function<void(Recovery)> again) {
  return std::make_unique<RecoverJob>(records, std::move(so_far), std::move(again));
}

std::unique_ptr<store::Job> sweep_job(Records& records, std::function<void()> again) {
  return std::make_unique<SweepJob>(records, std::move(again));
}

}  // namespace outrigger::filters
