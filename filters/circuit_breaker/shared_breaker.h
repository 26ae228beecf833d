// One breaker that all workers share: a Breaker behind a mutex that is held for one change of its
// state, and a word beside it that lets the usual call pass without it. Owned by its upstream's
// UpstreamBreakers; any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "filters/circuit_breaker/breaker.h"
#include "filters/circuit_breaker/permit.h"
#include "filters/circuit_breaker/success_tally.h"
#include "filters/keyed_shards.h"
#include "proxy/base/random.h"

namespace outrigger::filters {

struct Attempt;
class UpstreamBreakers;

enum class BreakerKind : std::uint8_t {
  kHost,      // the upstream's connections
  kUpstream,  // all calls of an upstream whose policy has no key
  kKey,
  kOverflow,  // of the keys for which there is no room
};
std::string_view to_string(BreakerKind kind) noexcept;

// What a breaker is kept by; what the policy's key does not name stays empty. Views are borrowed.
struct KeyView {
  std::string_view model = {};
  std::uint64_t credential = 0;  // a keyed hash (Exchange::credential)
  std::string_view endpoint = {};
  bool operator==(const KeyView&) const = default;
};

struct Refused {
  Refusal why = Refusal::kOpen;
  BreakerState state = BreakerState::kOpen;
  BreakerKind kind = BreakerKind::kKey;
  std::string_view because = {};  // of the opening: a literal
  std::optional<Duration> retry_after =
      {};  // to the next probe; nothing: until a person releases it
};

class SharedBreaker : public Pinnable {
 public:
  // `owner` outlives it. `seed` spreads the open times.
  SharedBreaker(UpstreamBreakers& owner, BreakerKind kind, const KeyView& key, BreakerPolicy policy,
                std::uint64_t seed, TimePoint now);
  SharedBreaker(const SharedBreaker&) = delete;
  SharedBreaker& operator=(const SharedBreaker&) = delete;

  // A permit without asking further, while every call passes. Lock-free.
  std::optional<Permit> ask_quietly() noexcept;
  // A permit, to be ended exactly once by end() or give_back().
  std::expected<Permit, Refused> ask(TimePoint now);
  // A permit for an attempt that began at `started` and asked nobody; nothing when the breaker is
  // not closed, or was not yet then.
  std::optional<Permit> permit_since(TimePoint started, TimePoint now);
  // The attempt's verdict is final. Lock-free for a success while nothing failed of late.
  void end(Pass pass, const Attempt& attempt, TimePoint now);
  // The permit was not used, or what became of it says nothing.
  void give_back(Pass pass, TimePoint now);

  void advance(TimePoint now);
  void force_open(TimePoint now, std::optional<Duration> length);
  void force_close(TimePoint now);
  void release(TimePoint now);
  void reset(TimePoint now);
  void adopt(const BreakerPolicy& policy, TimePoint now);
  [[nodiscard]] BreakerStatus status(TimePoint now);

  // Lock-free; may be a moment old.
  [[nodiscard]] BreakerState state() const noexcept;
  [[nodiscard]] bool quiet() const noexcept;
  [[nodiscard]] std::uint32_t permits_out() const noexcept {
    return permits_.load(std::memory_order_acquire);
  }

  [[nodiscard]] BreakerKind kind() const noexcept { return kind_; }
  // Its views live as long as the breaker.
  [[nodiscard]] const KeyView& key() const noexcept { return key_; }

 private:
  template <class Action>
  void change(TimePoint now, Action action);
  void publish() noexcept;
  void fold() noexcept;
  [[nodiscard]] bool counts_quietly(Pass pass, const Attempt& attempt, TimePoint now) noexcept;

  UpstreamBreakers& owner_;
  const BreakerKind kind_;
  const std::string model_;
  const std::string endpoint_;
  const KeyView key_;
  std::atomic<std::uint64_t> word_;  // era, state, quiet
  // Before this time a success that is not slow is only counted; in nanoseconds.
  std::atomic<std::int64_t> only_counts_until_{0};
  std::atomic<std::int64_t> slow_after_{0};  // in nanoseconds
  SuccessTally successes_;
  std::atomic<std::uint32_t> permits_{0};  // not ended yet
  std::mutex mutex_;
  Random random_;
  Breaker breaker_;
};

using Pinned = Pin<SharedBreaker>;

}  // namespace outrigger::filters
