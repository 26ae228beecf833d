// All chance of a simulated world comes from one seed, so that a seed tells the whole story.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "proxy/base/duration.h"
#include "proxy/base/random.h"

namespace outrigger::simulation {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) noexcept : random_(seed) {}

  // Uniform in [low, high].
  std::uint64_t between(std::uint64_t low, std::uint64_t high) noexcept {
    return low + random_.below(high - low + 1);
  }
  // Whole milliseconds.
  Duration between(Duration low, Duration high) noexcept {
    return std::chrono::milliseconds(
        between(static_cast<std::uint64_t>(low / 1ms), static_cast<std::uint64_t>(high / 1ms)));
  }
  bool chance(double probability) noexcept { return random_.unit() < probability; }
  template <class T>
  T pick(std::initializer_list<T> of) noexcept {
    return of.begin()[random_.below(of.size())];
  }

 private:
  Random random_;
};

}  // namespace outrigger::simulation
