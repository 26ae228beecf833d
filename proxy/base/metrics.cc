#include "proxy/base/metrics.h"

#include <algorithm>
#include <cassert>

namespace outrigger {
namespace {

constexpr std::string_view kOther = "_other";
// What a shard has cells for, were every series the longest histogram.
constexpr std::size_t kMostSeries = 100'000;

std::uint32_t cells_of(const MetricSpec& spec) noexcept {
  return spec.type == MetricType::kHistogram
             ? static_cast<std::uint32_t>(spec.buckets_ns.size()) + 2
             : 1;
}

}  // namespace

void Histogram::observe(Duration value) const noexcept {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(value.count(), 0));
  const auto bucket = std::ranges::lower_bound(bounds_, ns) - bounds_.begin();
  Counter(&cells_[bucket]).add();
  Counter(&cells_[bounds_.size() + 1]).add(ns);
}

Counter MetricShard::counter(Metric metric, LabelValues labels) {
  assert(spec(metric).type == MetricType::kCounter);
  const std::scoped_lock lock(registry_.mutex_);
  return Counter(cells(registry_.resolve(metric, labels)));
}

Gauge MetricShard::gauge(Metric metric, LabelValues labels) {
  assert(spec(metric).type == MetricType::kGauge);
  const std::scoped_lock lock(registry_.mutex_);
  return Gauge(cells(registry_.resolve(metric, labels)));
}

Histogram MetricShard::histogram(Metric metric, LabelValues labels) {
  assert(spec(metric).type == MetricType::kHistogram);
  const std::scoped_lock lock(registry_.mutex_);
  return {cells(registry_.resolve(metric, labels)), spec(metric).buckets_ns};
}

MetricCell* MetricShard::cells(std::uint32_t first) {
  std::unique_ptr<MetricCell[]>& chunk = chunks_[first / kChunkCells];
  if (chunk == nullptr) chunk = std::make_unique<MetricCell[]>(kChunkCells);
  return &chunk[first % kChunkCells];
}

std::uint64_t MetricShard::value(std::uint32_t cell) const noexcept {
  const std::unique_ptr<MetricCell[]>& chunk = chunks_[cell / kChunkCells];
  return chunk == nullptr ? 0 : chunk[cell % kChunkCells].load(std::memory_order_relaxed);
}

MetricRegistry::MetricRegistry(std::size_t max_series)
    : max_series_(std::min(max_series, kMostSeries)) {}

MetricShard& MetricRegistry::add_shard() {
  const std::scoped_lock lock(mutex_);
  shards_.push_back(std::unique_ptr<MetricShard>(new MetricShard(*this)));
  return *shards_.back();
}

void MetricRegistry::publish(Metric metric, std::vector<Sample> samples) {
  const std::scoped_lock lock(mutex_);
  families_[static_cast<std::size_t>(metric)].published = std::move(samples);
}

std::uint32_t MetricRegistry::resolve(Metric metric, LabelValues labels) {
  const MetricSpec& row = spec(metric);
  assert(labels.size() == row.labels.size());
  auto& series = families_[static_cast<std::size_t>(metric)].series;
  std::vector<std::string> key(labels.begin(), labels.end());
  if (const auto known = series.find(key); known != series.end()) return known->second;
  if (series_ >= max_series_ && !key.empty()) {
    ++folded_;
    std::ranges::fill(key, kOther);
    if (const auto known = series.find(key); known != series.end()) return known->second;
  } else {
    ++series_;
  }
  const std::uint32_t first = allocate(row);
  series.emplace(std::move(key), first);
  return first;
}

std::uint32_t MetricRegistry::allocate(const MetricSpec& row) {
  const std::uint32_t count = cells_of(row);
  const auto room =
      static_cast<std::uint32_t>(MetricShard::kChunkCells - next_cell_ % MetricShard::kChunkCells);
  if (count > room) next_cell_ += room;  // a series never lies in two chunks
  const std::uint32_t first = next_cell_;
  next_cell_ += count;
  static_assert(kMostSeries * 20 < MetricShard::kChunkCells * MetricShard::kChunks);
  assert(next_cell_ <= MetricShard::kChunkCells * MetricShard::kChunks);
  return first;
}

std::uint64_t MetricRegistry::sum(std::uint32_t cell) const noexcept {
  std::uint64_t total = 0;
  for (const auto& shard : shards_) total += shard->value(cell);
  return total;
}

std::uint64_t MetricRegistry::total(Metric metric, LabelValues labels) const {
  const std::scoped_lock lock(mutex_);
  const auto& series = families_[static_cast<std::size_t>(metric)].series;
  const auto known = series.find(std::vector<std::string>(labels.begin(), labels.end()));
  if (known == series.end()) return 0;
  const MetricSpec& row = spec(metric);
  std::uint64_t count = 0;
  const std::size_t cells = row.type == MetricType::kHistogram ? row.buckets_ns.size() + 1 : 1;
  for (std::uint32_t i = 0; i < cells; ++i) count += sum(known->second + i);
  return count;
}

std::size_t MetricRegistry::series() const {
  const std::scoped_lock lock(mutex_);
  return series_;
}

}  // namespace outrigger
