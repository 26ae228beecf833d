// One limit that all workers share: what it counts, and the line of those who wait for it, behind a
// mutex that is held for one change. Whoever waits does so on its own loop, to which its turn is
// posted. Owned by its upstream's UpstreamLimits; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "filters/keyed_shards.h"
#include "filters/limits/fair_queue.h"
#include "proxy/runtime/dispatcher.h"

namespace outrigger::filters {

// What a limit is kept by; what the policy's key does not name stays empty. Views are borrowed.
struct LimitKeyView {
  std::string_view model = {};
  std::uint64_t credential = 0;
  bool operator==(const LimitKeyView&) const = default;
};

// A request in line. Shared with what is posted to its loop, which may come after it has left.
struct Turn : Place, std::enable_shared_from_this<Turn> {
  explicit Turn(Dispatcher& its) noexcept : loop(its) {}
  enum class State : std::uint8_t { kOutside, kWaits, kGranted };
  State state = State::kOutside;  // under the limit's lock
  Dispatcher& loop;               // of whoever waits
  Signal called;                  // on that loop: something has changed, look() again
};

// Why a request cannot even wait.
enum class NoPlace : std::uint8_t { kQueueFull, kTooLong };

class SharedLimit : public Pinnable {
 public:
  SharedLimit(const LimitKeyView& key, std::unique_ptr<LimitCore> core,
              const config::LimitQueue& queue);
  SharedLimit(const SharedLimit&) = delete;
  SharedLimit& operator=(const SharedLimit&) = delete;

  // Takes, if it is there and nobody waits for it.
  [[nodiscard]] bool take(const Load& load, TimePoint now);
  // For a policy in shadow: takes it whatever there is, unless it could not even have waited.
  enum class Would : std::uint8_t { kPass, kWait, kRefuse };
  [[nodiscard]] Would take_in_shadow(const Load& load, Duration most, TimePoint now);

  struct Entry {
    bool granted = false;
    std::optional<NoPlace> refused = {};
    std::optional<Duration> wait = {};  // that was to be expected, where that can be told
  };
  // Takes, or puts the turn in line, unless its wait would be longer than `most`.
  [[nodiscard]] Entry enter(const std::shared_ptr<Turn>& turn, Duration most, TimePoint now);
  struct Look {
    bool granted = false;
    std::optional<Duration> again = {};  // when to look without being called
  };
  [[nodiscard]] Look look(Turn& turn, TimePoint now);
  // Gives up its place, or what it was granted but has not begun to use.
  void leave(Turn& turn, TimePoint now);

  void conclude(const LimitEnding& ending, TimePoint now);
  void learn(const LimitNews& news, const Load& own, TimePoint started, TimePoint now);
  void adopt(const config::Policies& policies, const config::LimitQueue& queue, TimePoint now);

  // How long one that came now would have to wait, where that can be told.
  [[nodiscard]] std::optional<Duration> expected_wait(const Load& load, TimePoint now);
  [[nodiscard]] std::size_t waiting();
  [[nodiscard]] std::optional<std::uint32_t> at_a_time();
  // Nothing is taken that would have to come back, and nothing would be lost.
  [[nodiscard]] bool idle(TimePoint now);
  [[nodiscard]] const LimitKeyView& key() const noexcept { return key_; }

  // Nobody looks at it, waits for it or uses it, and nothing would be lost. Only under the lock of
  // its shard does that stay so.
  [[nodiscard]] bool may_go(TimePoint now);

 private:
  void call_next(TimePoint now);
  bool pass_one(Place& blocked, TimePoint now);
  [[nodiscard]] bool may_pass(const Place& place, const Place& blocked) const noexcept;
  void grant(Place& place);
  [[nodiscard]] std::optional<Duration> look_again(Place& next, TimePoint now);

  const std::string model_;
  const LimitKeyView key_;
  std::mutex mutex_;
  std::unique_ptr<LimitCore> core_;
  std::uint32_t most_waiting_;
  FairQueue queue_;
  // Of the one whose turn it is, and who cannot go yet: since when, what passed it meanwhile, and
  // when it will look again.
  Place* blocked_ = nullptr;
  TimePoint blocked_since_;
  double passed_ = 0;
  TimePoint looks_at_;
};

using PinnedLimit = Pin<SharedLimit>;

}  // namespace outrigger::filters
