#include "filters/idempotency/records.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace outrigger::filters {
namespace {

constexpr std::string_view kEpochName = "m/epoch";
constexpr std::string_view kClockName = "m/clock";
constexpr std::string_view kSweptName = "m/swept";
constexpr std::string_view kCountsName = "m/counts";

std::uint64_t number_of(const std::optional<std::string>& text) {
  return text ? std::strtoull(text->c_str(), nullptr, 10) : 0;
}

// What an execution that is over without a word means.
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

void Records::bound(const Bounds& bounds) {
  most_bytes_ = bounds.bytes;
  most_records_ = bounds.records;
}

Records::Counts Records::counts() const {
  return {records_, bytes_, in_flight_};
}

LiveRecord* Records::find(const std::string& key) {
  const auto found = live_.find(key);
  return found == live_.end() ? nullptr : &found->second;
}

LiveRecord& Records::own(const std::string& key, LiveRecord live) {
  LiveRecord& owned = live_.insert_or_assign(key, std::move(live)).first->second;
  in_flight_ = static_cast<std::int64_t>(live_.size());
  return owned;
}

void Records::drop(const std::string& key) {
  live_.erase(key);
  in_flight_ = static_cast<std::int64_t>(live_.size());
}

std::shared_ptr<BlobLease> Records::lease(const std::string& blob) {
  std::weak_ptr<BlobLease>& known = leases_[blob];
  std::shared_ptr<BlobLease> lease = known.lock();
  if (lease == nullptr) known = lease = std::make_shared<BlobLease>();
  return lease;
}

void Records::put_swept(store::Transaction& store, const std::string& up_to) {
  swept_ = up_to;
  store.put(std::string(kSweptName), swept_);
  store.put(std::string(kClockName), std::to_string(latest_ms_));
}

Status Records::begin(store::Transaction& store) {
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
  if (!epoch_kept_) store.put(std::string(kEpochName), std::to_string(epoch_));
  epoch_kept_ = true;
  return {};
}

void Records::distrust() noexcept {
  counted_ = false;
  epoch_kept_ = false;
}

// The batch may be on disk all the same: what is there decides.
void Records::restore(const std::string& key, const StoredRecord& before) {
  const auto live = live_.find(key);
  if (live == live_.end()) return;
  live->second.stored = before;
  live->second.marked = live->second.chunked = false;
  live->second.doubted = true;
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
std::int64_t Records::now_ms() noexcept {
  latest_ms_ = std::max(latest_ms_, clock_() / 1000);
  return latest_ms_;
}

Result<std::optional<StoredRecord>> Records::load(store::Transaction& store,
                                                  std::string_view key) const {
  auto bytes = store.get(record_name(key));
  if (!bytes) return std::unexpected(std::move(bytes).error());
  if (!*bytes) return std::nullopt;
  auto stored = read_record(**bytes);
  if (!stored)
    return std::unexpected(Error{Errc::kOverload, Origin::kProxy, Phase::kNoConnection,
                                 "store_corrupt", "a record cannot be read"});
  return stored;
}

Record Records::at_rest(const Record& record, const RecordRules& rules, std::int64_t now) const {
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

void Records::persist(store::Transaction& store, const std::string& key, LiveRecord& live,
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

void Records::mark(store::Transaction& store, const std::string& key, LiveRecord& live) {
  if (!std::exchange(live.marked, true)) store.put(in_flight_name(key), {});
}

void Records::mark_chunks(store::Transaction& store, const std::string& key, LiveRecord& live) {
  if (std::exchange(live.chunked, true)) return;
  live.marked = true;
  store.put(in_flight_name(key), live.blob);
}

void Records::unmark(store::Transaction& store, const std::string& key, LiveRecord& live) {
  const bool marked = std::exchange(live.marked, false);
  if (marked || live.doubted) store.erase(in_flight_name(key));
}

void Records::erase_answer(store::Transaction& store, const StoredAnswer& answer) {
  for (std::uint32_t i = 0; i < answer.chunks(); ++i) store.erase(chunk_name(answer.blob, i));
  bytes_ -= static_cast<std::int64_t>(answer.length);
}

void Records::put_counts(store::Transaction& store) {
  std::string text = std::to_string(records_.load()) + ' ' + std::to_string(bytes_.load());
  if (text == counts_) return;
  store.put(std::string(kCountsName), text);
  counts_ = std::move(text);
}

bool Records::leased(const std::string& blob) {
  if (blob.empty()) return false;
  const auto lease = leases_.find(blob);
  if (lease == leases_.end()) return false;
  if (!lease->second.expired()) return true;
  leases_.erase(lease);
  return false;
}

bool Records::full() const noexcept {
  return journal_.tight() || bytes_ >= static_cast<std::int64_t>(most_bytes_.load()) ||
         records_ >= static_cast<std::int64_t>(most_records_.load());
}

}  // namespace outrigger::filters
