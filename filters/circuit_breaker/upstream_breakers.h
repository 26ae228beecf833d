// All breakers of one upstream, or of a route with a policy of its own: the one of its connections,
// and one for all calls or one a key. Shared by all workers; any thread. Owned by SharedBreakers
// and by the filters that use it. (resilience 3 item 11)
//
// Keys are bounded: when a shard is full, the key that was asked longest ago goes, but none that is
// open, half-open or ramping, nor one with a permit out. Where none can go, new keys share one
// breaker, "overflow": a bound that refuses nobody and still protects the upstream. A half-open key
// that nobody asked for kForgetAfter may go: there is nobody who would probe it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "filters/circuit_breaker/shared_breaker.h"

namespace outrigger::filters {

// A change of state, for the log. Views live for the call.
struct Transition {
  std::string_view upstream;
  std::string_view route;  // empty: the upstream's own policy
  BreakerKind kind = BreakerKind::kHost;
  KeyView key;
  BreakerChange change;
  std::optional<Duration> wait;  // to the next probe, where it opened
};
using TransitionListener = std::function<void(const Transition&)>;

class UpstreamBreakers {
 public:
  static constexpr Duration kForgetAfter = 10min;
  static constexpr std::size_t kLongestModel = 256;  // longer names are cut: they come from bodies

  struct Setup {
    std::string upstream;
    std::string route;
    BreakerPolicy policy;
    std::size_t keys = 0;  // at most so many; a multiple of KeyedShards::kShards
    std::uint64_t seed = 0;
    const TransitionListener& listener;  // outlives it; may be empty
  };
  UpstreamBreakers(Setup setup, TimePoint now);
  UpstreamBreakers(const UpstreamBreakers&) = delete;
  UpstreamBreakers& operator=(const UpstreamBreakers&) = delete;

  [[nodiscard]] SharedBreaker& host() noexcept { return host_; }
  [[nodiscard]] SharedBreaker& whole() noexcept { return whole_; }
  // Asks the breaker of a key; allocates only when the key is new.
  std::expected<Permit, Refused> ask(const KeyView& key, TimePoint now);
  // The breaker of a key, made when it is new.
  Pinned of(const KeyView& key, TimePoint now);

  // How long the upstream counts as open because so many of its keys are (upstream_opens_at: of
  // different models, where the key names one). Nothing when it does not. Lock-free.
  [[nodiscard]] std::optional<Duration> opened_by_keys(TimePoint now) const noexcept;

  void adopt(const BreakerPolicy& policy, TimePoint now);  // nothing where it is the same
  void force_open(TimePoint now, std::optional<Duration> length);
  void force_close(TimePoint now);
  void release(TimePoint now);
  void reset(TimePoint now);
  // Does what time alone does, for keys that nobody asks; once a second.
  void tick(TimePoint now);

  [[nodiscard]] const std::string& upstream() const noexcept { return upstream_; }
  [[nodiscard]] const std::string& route() const noexcept { return route_; }
  [[nodiscard]] std::vector<Pinned> all();  // host and whole first
  [[nodiscard]] std::size_t keys();

  // How often it went from one state to the other, and how long at least one breaker refused all.
  using Transitions = std::array<std::array<std::uint64_t, kStateNames.size()>, kStateNames.size()>;
  struct Counts {
    Transitions transitions{};
    Duration open{0};
  };
  [[nodiscard]] Counts counts(TimePoint now);

 private:
  friend class SharedBreaker;
  struct Entry {
    Entry(UpstreamBreakers& owner, const KeyView& key, const BreakerPolicy& policy,
          std::uint64_t seed, TimePoint now)
        : breaker(owner, BreakerKind::kKey, key, policy, seed, now), asked(now) {}
    [[nodiscard]] const KeyView& key() const noexcept { return breaker.key(); }
    [[nodiscard]] bool may_go(TimePoint now) const noexcept;
    SharedBreaker breaker;
    TimePoint asked;
  };
  struct KeyHash {
    std::size_t operator()(const KeyView& key) const noexcept;
  };
  struct OpenKey {
    const SharedBreaker* breaker;
    TimePoint until;
  };

  // Of a breaker's change; note() under its lock, tell() without.
  void note(const SharedBreaker& breaker, const BreakerChange& change, TimePoint now,
            std::optional<Duration> wait);
  void tell(const SharedBreaker& breaker, const BreakerChange& change,
            std::optional<Duration> wait) const;
  [[nodiscard]] bool disabled() const noexcept { return disabled_.load(std::memory_order_relaxed); }

  [[nodiscard]] BreakerPolicy policy();
  // What `use(SharedBreaker&)` returns of the key's breaker, under its shard's lock.
  template <class Use>
  auto with(KeyView key, TimePoint now, Use use);
  void derive();

  const std::string upstream_;
  const std::string route_;
  const std::uint64_t seed_;
  const TransitionListener& listener_;
  std::atomic<bool> disabled_{false};
  std::atomic<std::int64_t> open_until_{0};  // by its keys, in nanoseconds

  std::mutex mutex_;  // taken within a shard's or a breaker's, never around one
  BreakerPolicy policy_;
  std::vector<OpenKey> open_keys_;
  Transitions transitions_{};
  std::uint32_t shut_ = 0;  // breakers that refuse all
  TimePoint shut_since_;
  Duration shut_time_{0};

  SharedBreaker host_;
  SharedBreaker whole_;
  SharedBreaker overflow_;
  KeyedShards<KeyView, Entry, KeyHash> keys_;
};

}  // namespace outrigger::filters
