// Which requests failed with the same error of the client's again and again, and that error: what
// the loop guard answers from. Shared by all workers; bounded in number and in bytes, the least
// lately met go first. Belongs to the process; any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "config/policies.h"
#include "proxy/base/duration.h"
#include "proxy/base/verdict.h"

namespace outrigger::filters {

// A request by keyed hashes: of all but its body, and of all.
struct FailurePrint {
  std::uint64_t outline = 0;
  std::uint64_t whole = 0;
};

// The upstream's answer.
struct FailedAnswer {
  int status = 0;
  Verdict verdict = Verdict::kClientError;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
};

class FailureMemory {
 public:
  explicit FailureMemory(std::size_t most = 1024, std::size_t most_bytes = 8 * 1024 * 1024)
      : most_(most), most_bytes_(most_bytes) {}

  // Nothing failed lately. Lock-free.
  [[nodiscard]] bool quiet(TimePoint now) const noexcept {
    return now.since_start.count() >= latest_.load(std::memory_order_relaxed);
  }
  // A request of this outline may be answered from here.
  [[nodiscard]] bool guards(std::uint64_t outline, TimePoint now) const;
  // A request of this outline has failed: there may be a row for another to break.
  [[nodiscard]] bool knows(std::uint64_t outline) const;

  using Answer = std::shared_ptr<const FailedAnswer>;
  struct Guarded {
    Answer answer;
    std::uint32_t failures = 0;
    Duration left{0};
  };
  // What such a request is answered, where it is guarded.
  [[nodiscard]] std::optional<Guarded> find(const FailurePrint& print, TimePoint now);
  // It failed. Another status or verdict than before begins a new row.
  void note(const FailurePrint& print, Answer answer, const config::LoopGuard& policy,
            TimePoint now);
  // It went well, or failed otherwise: the row is broken.
  void forget(const FailurePrint& print);

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::size_t bytes() const;

 private:
  using Order = std::list<std::uint64_t>;
  struct Entry {
    std::uint64_t outline = 0;
    Answer answer;
    std::vector<TimePoint> failures;  // within the window, oldest first; at most as many as count
    std::uint32_t in_a_row = 0;
    TimePoint guarded_until;
    Order::iterator place;  // oldest use first
  };
  struct Outline {
    std::size_t entries = 0;
    TimePoint guarded_until;
  };
  using Entries = std::unordered_map<std::uint64_t, Entry>;

  [[nodiscard]] static std::size_t size_of(const FailedAnswer& answer) noexcept;
  void drop(Entries::iterator entry);
  void make_room();
  void extend_latest(TimePoint until) noexcept;

  const std::size_t most_;
  const std::size_t most_bytes_;
  std::atomic<std::int64_t> latest_ = INT64_MIN;  // until when anything counts
  mutable std::mutex mutex_;
  Entries entries_;
  Order order_;
  std::unordered_map<std::uint64_t, Outline> outlines_;
  std::size_t bytes_ = 0;
};

}  // namespace outrigger::filters
