// Until when the callers of one model or one credential stay away, because the upstream said so:
// one caller's 429 pauses its siblings before they send (resilience 3, item 6). A cooldown is
// extended, never shortened, while it runs; only the success of a request that was let through to
// find out ends it.
#pragma once

#include <atomic>
#include <compare>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/policies.h"
#include "proxy/base/duration.h"
#include "proxy/base/verdict.h"

namespace outrigger::filters {

// Whose pause it is. An empty model stands for the credential with all its models.
struct CooldownKey {
  std::string upstream;
  std::string model;
  std::uint64_t credential = 0;
  auto operator<=>(const CooldownKey&) const = default;
};

// The verdicts that begin a cooldown when they come with a time.
[[nodiscard]] bool begins_cooldown(Verdict verdict) noexcept;

// How long it is without one: nobody says when money comes back, so until then one call in a minute
// finds out (llm 2.4, MONEY). Nothing for the others: without a time they begin none.
[[nodiscard]] std::optional<Duration> unhinted_pause(Verdict verdict) noexcept;

// What a verdict says something of: the credential for a quota and where the classifier says so,
// else the model where it is known. Nothing for an endpoint: avoiding that one is enough.
[[nodiscard]] std::optional<CooldownKey> cooldown_key(std::string_view upstream,
                                                      std::string_view model,
                                                      std::uint64_t credential, config::Scope scope,
                                                      Verdict verdict);

// One of those that run, as plain values: for the file that keeps them over a restart.
struct SavedCooldown {
  CooldownKey key;
  Verdict verdict = Verdict::kThrottled;
  std::int64_t until_ms = 0;  // since 1970 UTC
  bool operator==(const SavedCooldown&) const = default;
};

// All cooldowns of the process; survives reloads. Any thread; without a cooldown that runs, asking
// is one atomic load.
class SharedCooldowns {
 public:
  // Remembers `most` keys; beyond, those that have run out go first, and a key that would need one
  // that runs is not remembered.
  explicit SharedCooldowns(std::size_t most = 4096) : most_(most) {}

  struct Running {
    Duration left{0};
    Verdict verdict = Verdict::kThrottled;
    bool passes = false;  // goes on all the same, to find out whether the pause is over
  };
  // The longest cooldown that such a request meets now. Of one that runs for long, one request in
  // kProbeEvery passes: what a server said may be wrong, and a quota may be refilled.
  [[nodiscard]] std::optional<Running> meet(std::string_view upstream, std::string_view model,
                                            std::uint64_t credential, TimePoint now) {
    return longest(upstream, model, credential, now, Passing::kProbes);
  }
  // The same for somebody who only asks: nobody passes.
  [[nodiscard]] std::optional<Running> peek(std::string_view upstream, std::string_view model,
                                            std::uint64_t credential, TimePoint now) {
    return longest(upstream, model, credential, now, Passing::kNobody);
  }

  // Pauses `key` until `now + wait`, unless it already is for longer.
  void extend(const CooldownKey& key, Verdict verdict, Duration wait, TimePoint now);
  // A request that passed went well: the pauses that it met are over.
  void lift(std::string_view upstream, std::string_view model, std::uint64_t credential);

  // The cooldowns that are worth keeping: all of quotas, others with more than a few seconds left.
  [[nodiscard]] std::vector<SavedCooldown> snapshot(TimePoint now, std::int64_t now_ms) const;
  // Takes back what snapshot() gave, in another process; what has run out meanwhile is passed over,
  // and nothing runs for longer than kLongest.
  void restore(const std::vector<SavedCooldown>& saved, TimePoint now, std::int64_t now_ms);

  [[nodiscard]] std::size_t size() const;

  static constexpr Duration kProbeEvery = 5min;
  static constexpr Duration kWorthKeeping = 5s;
  static constexpr Duration kLongest = 40 * 24h;  // a quota of a month, and some

 private:
  struct Entry {
    TimePoint until;
    TimePoint next_probe;
    Verdict verdict = Verdict::kThrottled;
  };

  enum class Passing : std::uint8_t { kProbes, kNobody };
  std::optional<Running> longest(std::string_view upstream, std::string_view model,
                                 std::uint64_t credential, TimePoint now, Passing passing);
  std::optional<Running> look(const CooldownKey& key, TimePoint now, Passing passing);
  bool make_room(TimePoint now);

  const std::size_t most_;
  std::atomic<std::int64_t> latest_ = INT64_MIN;  // until when any cooldown runs
  mutable std::mutex mutex_;
  std::map<CooldownKey, Entry> entries_;
};

}  // namespace outrigger::filters
