// Which key goes on the next try of an exchange. Asked by whoever makes the tries: Retry, before it
// looks at cooldowns, else the credentials filter itself. Lives in the frame of
// Credentials::handle, on the exchange's worker.
//
// Round robin over the keys that may be used. A key whose cooldown runs or whose circuit breaker is
// open waits while another is there; one that this exchange has found throttled comes last; one
// that is set aside is used only by the one request in a while that finds out.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "filters/circuit_breaker/upstream_breakers.h"
#include "filters/credentials/key_ring.h"
#include "filters/exchange.h"
#include "filters/retry/cooldowns.h"
#include "proxy/base/secret.h"

namespace outrigger::filters {

// One route's keys, as its exchanges see them. Outlives them.
struct KeyRoute {
  const config::Credentials& policy;
  std::string upstream;
  std::vector<Secret> values;  // of the header, one a key
  std::shared_ptr<KeyRing> ring;
  SharedKeys& keys;
  SharedCooldowns& cooldowns;
  std::shared_ptr<UpstreamBreakers> breakers;  // where they are kept apart by credential
  bool by_model = false;                       // and by model
  bool repeats = false;                        // a try that fails is followed by another
};

class KeyChoice {
 public:
  KeyChoice(const KeyRoute& route, Exchange& exchange) noexcept
      : route_(route), exchange_(exchange) {}
  KeyChoice(const KeyChoice&) = delete;
  KeyChoice& operator=(const KeyChoice&) = delete;
  // Takes the key off the request.
  ~KeyChoice() { take_off(); }

  // Puts a key on the request, in the place of the one before, and its hash on the exchange. Error:
  // kOverload, `credentials_exhausted`, when all are set aside; `exchange.retry_after` tells when
  // one comes back.
  [[nodiscard]] Status choose();
  // What the try that has ended says of its key.
  void learn();
  // Another key than the one of the last try may be used now: what failed was the key's own.
  [[nodiscard]] bool another();
  // When the first of the keys that are not set aside may be used: at once is 0.
  [[nodiscard]] std::optional<Duration> soonest();
  // The try finds out whether a key that is set aside works again: no cooldown stops it.
  [[nodiscard]] bool probing() const noexcept { return probing_; }

  static constexpr std::size_t kMostKeys = 64;

 private:
  enum class Rank : std::uint8_t { kReady, kWorn, kCooling, kAside };
  struct Look {
    Rank rank = Rank::kReady;
    Duration left{0};  // of kCooling and kAside
  };
  [[nodiscard]] Look look(std::size_t key);
  [[nodiscard]] bool refused_by_breaker(std::uint64_t credential) const;
  [[nodiscard]] std::optional<std::size_t> pick_probe(std::size_t start);
  void put_on(std::size_t key);
  void take_off();
  void set_aside(std::size_t key, Aside why, Duration wait);
  void note_failure(const Attempt& last);
  void note_success(const Attempt& last);
  [[nodiscard]] std::unexpected<Error> exhausted();
  [[nodiscard]] bool is_worn(std::size_t key) const noexcept { return worn_ >> key & 1; }

  const KeyRoute& route_;
  Exchange& exchange_;
  std::optional<std::size_t> key_;  // on the request
  std::uint64_t worn_ = 0;          // a bit each: failed for what may be its own reason
  std::uint64_t suspects_ = 0;      // refused, but maybe for what was asked
  bool probing_ = false;
  bool probed_ = false;
};

}  // namespace outrigger::filters
