// Answers on their way into the cache, so that whoever asks for one of them joins it instead of
// asking the upstream again (durability 3 item 22). Shared by all workers; any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "filters/cache/entry.h"
#include "filters/recording/recording.h"

namespace outrigger::filters {

// One of them. What its leader sets before the recording begins, others read once they have the
// recording's head or error.
struct Flight : std::enable_shared_from_this<Flight> {
  Flight(Dispatcher& leader, std::string whose)
      : owner(std::move(whose)), recording(std::make_shared<Recording>(leader)) {}

  // Who may have the answer, besides the leader.
  enum class Share : std::uint8_t {
    kNobody,
    kSameVariant,  // whose request equals the leader's in the fields that `vary` names
    kAll,
  };

  const std::string owner;  // of the leader's request
  const std::shared_ptr<Recording> recording;
  Share share = Share::kNobody;
  std::vector<std::string> vary;
  std::string variant;  // of the leader's request
  CacheEntryPtr entry;  // instead of what was recorded: the upstream said that it still holds
  CacheEntryPtr body;   // the bytes of an answer that came in one piece: none are recorded
  bool for_leader_only = false;  // it failed for a reason of the leader's: others try by themselves
  std::optional<Duration> retry_after;  // of a failure: when to come back
  std::optional<CacheKey> also;         // a second key that leads to it, once that is known
  bool degraded = false;                // second best
  bool unseen = false;                  // it is nobody's but the leader's
  std::atomic<bool> outdated{false};    // what it brings was changed meanwhile: not to be kept
};

class Flights {
 public:
  struct Boarding {
    std::shared_ptr<Flight> flight;
    bool leads = false;  // it is new, and whoever got it must land() it
  };
  // The flight to that key, or a new one of that owner, of which that loop writes the recording.
  [[nodiscard]] Boarding board(const CacheKey& key, Dispatcher& leader, std::string_view owner);
  // Whoever asks for that key finds it too, where there is no other. By its leader.
  void add(const CacheKey& key, Flight& flight);
  // Nobody joins it any more. Nothing if it is not the one of that key.
  void land(const CacheKey& key, const Flight& flight);
  // What is on its way to that key is not to be kept, and nobody joins it any more.
  void outdate(const CacheKey& key);

  // Answers to that key are nobody else's: until then, or until one is, who asks for it neither
  // waits nor makes others wait. Forgotten when there are too many. Seconds since 1970.
  void pass_until(const CacheKey& key, std::int64_t seconds) noexcept;
  [[nodiscard]] bool passes(const CacheKey& key, std::int64_t now) const noexcept;

 private:
  struct Hash {
    std::size_t operator()(const CacheKey& key) const noexcept;
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<CacheKey, std::shared_ptr<Flight>, Hash> flights;
  };
  static constexpr std::size_t kShards = 16;
  static constexpr std::size_t kPassing = 16384;

  [[nodiscard]] Shard& shard_of(const CacheKey& key) noexcept { return shards_[key[0] % kShards]; }

  std::array<Shard, kShards> shards_;
  // Each a time in the low half and part of a key in the high one; another key's may replace it.
  std::array<std::atomic<std::uint64_t>, kPassing> passing_{};
};

}  // namespace outrigger::filters
