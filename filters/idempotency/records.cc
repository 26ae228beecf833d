#include "filters/idempotency/records.h"

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

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
  keep_clock(store);
}

void Records::keep_clock(store::Transaction& store) {
  if (latest_ms_ <= clock_kept_ms_) return;
  clock_kept_ms_ = latest_ms_;
  store.put(std::string(kClockName), std::to_string(clock_kept_ms_));
}

Status Records::begin(store::Transaction& store) {
  if (epoch_ == 0) {
    const auto epoch = store.get(kEpochName);
    if (!epoch) return std::unexpected(epoch.error());
    epoch_ = number_of(*epoch) + 1;
  }
  if (!read_) {
    const auto clock = store.get(kClockName);
    if (!clock) return std::unexpected(clock.error());
    const auto swept = store.get(kSweptName);
    if (!swept) return std::unexpected(swept.error());
    const auto counts = store.get(kCountsName);
    if (!counts) return std::unexpected(counts.error());
    clock_kept_ms_ = static_cast<std::int64_t>(number_of(*clock));
    latest_ms_ = std::max(latest_ms_.load(), clock_kept_ms_);
    swept_ = swept->value_or(std::string(kExpiryPrefix));
    counts_ = counts->value_or("0 0");
    char* rest = nullptr;
    records_ = std::strtoll(counts_.c_str(), &rest, 10);
    bytes_ = std::strtoll(rest, nullptr, 10);
    read_ = true;
  }
  if (!epoch_kept_) store.put(std::string(kEpochName), std::to_string(epoch_));
  epoch_kept_ = true;
  return {};
}

void Records::distrust() noexcept {
  read_ = false;
  epoch_kept_ = false;
}

// The batch may be on disk all the same: what is there decides.
void Records::restore(const std::string& key, LiveRecord before) {
  const auto found = live_.find(key);
  if (found == live_.end()) return;
  LiveRecord& live = found->second;
  const std::uint32_t chunks = std::max(live.chunks, before.chunks);
  const bool broken = live.broken;
  live = std::move(before);
  live.marked = live.chunked = live.left = false;
  live.chunks = chunks;
  live.broken = broken;
  live.doubted = true;
  const store::Store* store = journal_.store();
  if (store == nullptr) return;
  const auto bytes = store->get(record_name(key));
  if (!bytes) return;
  live.on_disk = bytes->has_value();
  live.disk_expires_ms = 0;
  auto stored = live.on_disk ? read_record(**bytes) : std::nullopt;
  if (!stored) return;
  live.disk_expires_ms = stored->record.expires_ms;
  // One that this execution has written, not one that it found.
  if (stored->record.epoch != epoch_ || stored->request_id != live.stored.request_id) return;
  live.replaced.reset();
  live.stored = std::move(*stored);
}

// A step back of the system's clock is waited out.
std::int64_t Records::now_ms() noexcept {
  const std::int64_t now = clock_() / 1000;
  std::int64_t latest = latest_ms_;
  while (latest < now && !latest_ms_.compare_exchange_weak(latest, now)) continue;
  return std::max(latest, now);
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

void Records::persist(store::Transaction& store, const std::string& key, LiveRecord& live) {
  const Record& record = live.stored.record;
  if (live.disk_expires_ms != 0 && live.disk_expires_ms != record.expires_ms) {
    store.erase(expiry_name(live.disk_expires_ms, key));
  }
  if (live.replaced) erase_answer(store, *std::exchange(live.replaced, std::nullopt));
  is_in_flight(record.state) ? mark(store, key, live) : unmark(store, key, live);
  if (record.state == RecordState::kAbsent) {
    store.erase(record_name(key));
    if (live.on_disk) --records_;
    live.on_disk = false;
    live.disk_expires_ms = 0;
    return;
  }
  store.put(record_name(key), write_record(live.stored));
  if (!live.on_disk) ++records_;
  if (record.expires_ms != 0) store.put(expiry_name(record.expires_ms, key), {});
  live.on_disk = true;
  live.disk_expires_ms = record.expires_ms;
}

void Records::mark(store::Transaction& store, const std::string& key, LiveRecord& live) {
  if (std::exchange(live.marked, true)) return;
  live.chunked = live.chunks > 0;
  store.put(in_flight_name(key), live.chunked ? live.blob : std::string());
}

void Records::mark_chunks(store::Transaction& store, const std::string& key, LiveRecord& live) {
  if (std::exchange(live.chunked, true)) return;
  live.marked = true;
  store.put(in_flight_name(key), live.blob);
}

void Records::unmark(store::Transaction& store, const std::string& key, LiveRecord& live) {
  const bool marked = std::exchange(live.marked, false);
  live.chunked = false;
  if (marked || live.doubted) store.erase(in_flight_name(key));
}

// A part that cannot be read now is there all the same: then the mark, which names it, stays.
Status Records::erase_remains(store::Transaction& store, const std::string& key,
                              const std::optional<StoredAnswer>& kept) {
  const auto mark = store.get(in_flight_name(key));
  if (!mark) return std::unexpected(mark.error());
  if (!*mark) return {};
  std::vector<std::string> parts;  // of which some may not have been written
  if (!(*mark)->empty() && !(kept && kept->blob == **mark)) {
    Status scanned =
        store.scan_from(chunks_prefix(**mark), {}, [&](std::string_view name, std::string_view) {
          parts.emplace_back(name);
          return true;
        });
    if (!scanned) return scanned;
  }
  store.erase(in_flight_name(key));
  for (std::string& part : parts) store.erase(std::move(part));
  return {};
}

void Records::erase_chunks(store::Transaction& store, const std::string& blob,
                           std::uint32_t chunks) {
  if (chunks == 0) return;
  if (leased(blob)) return store.put(garbage_name(blob), std::to_string(chunks));
  for (std::uint32_t i = 0; i < chunks; ++i) store.erase(chunk_name(blob, i));
}

void Records::erase_garbage(store::Transaction& store) {
  std::vector<std::pair<std::string, std::uint32_t>> blobs;
  (void)store.scan_from(kGarbagePrefix, {}, [&](std::string_view name, std::string_view chunks) {
    blobs.emplace_back(name.substr(kGarbagePrefix.size()), number_of(std::string(chunks)));
    return true;
  });
  for (const auto& [blob, chunks] : blobs) {
    if (leased(blob)) continue;
    store.erase(garbage_name(blob));
    erase_chunks(store, blob, chunks);
  }
}

void Records::count_answer(const StoredAnswer& answer) noexcept {
  if (answer.kept) bytes_ += static_cast<std::int64_t>(answer.length);
}

void Records::erase_answer(store::Transaction& store, const StoredAnswer& answer) {
  erase_chunks(store, answer.blob, answer.chunks());
  if (answer.kept) bytes_ -= static_cast<std::int64_t>(answer.length);
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
