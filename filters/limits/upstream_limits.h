// All limits of one kind of one upstream, or of a route with a policy of its own: one a key. Shared
// by all workers; any thread. Owned by SharedLimits and by the filters that use it.
//
// Keys are bounded: when a shard is full, the key that was asked longest ago goes, but none that is
// in use. Where none can go, new keys share one limit: a bound that refuses nobody and still
// protects the upstream.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "filters/limits/shared_limit.h"

namespace outrigger::filters {

enum class LimitKind : std::uint8_t { kRate, kConcurrency };

class UpstreamLimits {
 public:
  struct Setup {
    std::string upstream;
    std::string route;  // empty: the upstream's own policy
    LimitKind kind = LimitKind::kRate;
    std::size_t keys = 4096;  // at most so many; a multiple of KeyedShards::kShards
  };
  // `policies` has the policy of this kind.
  UpstreamLimits(Setup setup, const config::Policies& policies);
  UpstreamLimits(const UpstreamLimits&) = delete;
  UpstreamLimits& operator=(const UpstreamLimits&) = delete;

  // The limit of a key, made when it is new; allocates only then.
  [[nodiscard]] PinnedLimit of(const LimitKeyView& key, TimePoint now);
  // Takes over a new configuration; what is counted and who waits stays.
  void adopt(const config::Policies& policies, TimePoint now);

  // Nothing is configured and nothing was learnt, so there is nothing to ask. Lock-free.
  [[nodiscard]] bool limits_nothing() const noexcept {
    return !limits_.load(std::memory_order_relaxed);
  }
  // Whether tokens are counted, so that it is worth knowing how many a request takes. Lock-free.
  [[nodiscard]] bool counts_tokens() const noexcept {
    return tokens_.load(std::memory_order_relaxed);
  }
  // A limit of one of the keys became known.
  enum class Learnt : std::uint8_t { kRequests, kTokens };
  void note(Learnt learnt) noexcept;

  [[nodiscard]] const std::string& upstream() const noexcept { return setup_.upstream; }
  [[nodiscard]] const std::string& route() const noexcept { return setup_.route; }
  [[nodiscard]] LimitKind kind() const noexcept { return setup_.kind; }
  // Those of keys, and the shared one once there was a key without room.
  [[nodiscard]] std::vector<PinnedLimit> all();
  [[nodiscard]] std::size_t keys();

 private:
  struct KeyHash {
    std::size_t operator()(const LimitKeyView& key) const noexcept;
  };

  [[nodiscard]] std::shared_ptr<const config::Policies> policies();
  [[nodiscard]] const config::LimitQueue& queue_of(const config::Policies& policies) const noexcept;
  void note_configured(const config::Policies& policies) noexcept;

  const Setup setup_;
  std::atomic<bool> limits_{false};
  std::atomic<bool> tokens_{false};
  std::mutex mutex_;  // taken within a shard's, never around one
  std::shared_ptr<const config::Policies> policies_;
  SharedLimit overflow_;
  std::atomic<bool> overflowed_{false};
  KeyedShards<LimitKeyView, SharedLimit, KeyHash> keys_;
};

}  // namespace outrigger::filters
