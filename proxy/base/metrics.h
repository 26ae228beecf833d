// Counting without a lock: each worker owns a shard of cells that it alone writes, with relaxed
// atomic loads and stores (no locked instruction), and a scrape sums the shards. A series is
// resolved to a handle once, when a route or upstream is set up; the hot path only adds. The
// registry belongs to the process.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/duration.h"
#include "proxy/base/metrics_table.h"

namespace outrigger {

using MetricCell = std::atomic<std::uint64_t>;

// Handles are as cheap as a pointer; they live as long as the registry. Only the shard's thread
// uses them.
class Counter {
 public:
  Counter() = default;
  explicit Counter(MetricCell* cell) noexcept : cell_(cell) {}
  void add(std::uint64_t n = 1) const noexcept {
    cell_->store(cell_->load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  explicit operator bool() const noexcept { return cell_ != nullptr; }

 private:
  MetricCell* cell_ = nullptr;
};

// The shards' values are summed: add and subtract in the worker's own, or set in one shard only.
class Gauge {
 public:
  Gauge() = default;
  explicit Gauge(MetricCell* cell) noexcept : cell_(cell) {}
  void add(std::int64_t n = 1) const noexcept {
    cell_->store(cell_->load(std::memory_order_relaxed) + static_cast<std::uint64_t>(n),
                 std::memory_order_relaxed);
  }
  void sub(std::int64_t n = 1) const noexcept { add(-n); }
  void set(std::int64_t value) const noexcept {
    cell_->store(static_cast<std::uint64_t>(value), std::memory_order_relaxed);
  }
  explicit operator bool() const noexcept { return cell_ != nullptr; }

 private:
  MetricCell* cell_ = nullptr;
};

class Histogram {
 public:
  Histogram() = default;
  Histogram(MetricCell* cells, std::span<const std::uint64_t> bounds_ns) noexcept
      : cells_(cells), bounds_(bounds_ns) {}
  // O(log buckets): binary search, then two additions.
  void observe(Duration value) const noexcept;
  explicit operator bool() const noexcept { return cells_ != nullptr; }

 private:
  MetricCell* cells_ = nullptr;  // one a bucket, +Inf, then the sum in nanoseconds
  std::span<const std::uint64_t> bounds_;
};

class MetricRegistry;
using LabelValues = std::initializer_list<std::string_view>;

// One thread's cells. Resolving takes the registry's lock: do it at set-up.
class MetricShard {
 public:
  // `labels`: a value for each label of the table's row, in its order. The type must match the
  // row's.
  Counter counter(Metric metric, LabelValues labels = {});
  Gauge gauge(Metric metric, LabelValues labels = {});
  Histogram histogram(Metric metric, LabelValues labels = {});

 private:
  friend class MetricRegistry;
  static constexpr std::size_t kChunkCells = 2048;
  static constexpr std::size_t kChunks = 1024;
  explicit MetricShard(MetricRegistry& registry) : registry_(registry) {}
  MetricCell* cells(std::uint32_t first);  // under the registry's lock
  [[nodiscard]] std::uint64_t value(std::uint32_t cell) const noexcept;

  MetricRegistry& registry_;
  std::array<std::unique_ptr<MetricCell[]>, kChunks> chunks_;
};

enum class Exposition : std::uint8_t { kPrometheus, kOpenMetrics };  // text 0.0.4, or 1.0.0
// What a scraper's Accept asks for.
Exposition exposition_for(std::string_view accept) noexcept;
std::string_view content_type(Exposition exposition) noexcept;

class MetricRegistry {
 public:
  // Above `max_series` (at most 100,000) a new combination of labels is folded into one whose
  // values are all "_other", and outrigger_telemetry_dropped_total{signal="series"} says so.
  explicit MetricRegistry(std::size_t max_series = 10000);

  // A shard for one more thread; lives as long as the registry. Any thread.
  MetricShard& add_shard();

  // Replaces all series of a gauge by these, for values that the scraping side knows or that name
  // one state at a time. Any thread.
  struct Sample {
    std::vector<std::string> labels;
    double value = 0;
  };
  void publish(Metric metric, std::vector<Sample> samples);

  // All metrics that have a series. Any thread; takes the lock that resolving takes, never the hot
  // path's way.
  [[nodiscard]] std::string expose(Exposition exposition) const;
  // The summed value of a counter or gauge series, or a histogram's count; 0 when there is none.
  [[nodiscard]] std::uint64_t total(Metric metric, LabelValues labels) const;
  [[nodiscard]] std::size_t series() const;

 private:
  friend class MetricShard;
  struct Family {
    std::map<std::vector<std::string>, std::uint32_t> series;  // to the first cell
    std::vector<Sample> published;
  };
  std::uint32_t resolve(Metric metric, LabelValues labels);
  std::uint32_t allocate(const MetricSpec& spec);
  [[nodiscard]] std::uint64_t sum(std::uint32_t cell) const noexcept;
  void expose_family(std::string& out, const MetricSpec& spec, Exposition exposition) const;

  mutable std::mutex mutex_;
  const std::size_t max_series_;
  std::size_t series_ = 0;
  std::uint32_t next_cell_ = 0;
  std::array<Family, static_cast<std::size_t>(Metric::kCount)> families_;
  std::vector<std::unique_ptr<MetricShard>> shards_;
  std::uint64_t folded_ = 0;
};

}  // namespace outrigger
