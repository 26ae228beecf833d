// Random numbers for choices that need no secrecy: balancing, jitter, identifiers. One per worker
// and thread; a fixed seed replays a simulation. Never for keys or tokens.
#pragma once

#include <array>
#include <cstdint>

namespace outrigger {

// xoshiro256++ (Blackman and Vigna, 2019): 256 bits of state, period 2^256 - 1.
class Random {
 public:
  // Any seed is fine, 0 too: splitmix64 spreads it over the state.
  explicit Random(std::uint64_t seed) noexcept;

  std::uint64_t next() noexcept;
  // Uniform in [0, bound), without bias (Lemire); bound > 0.
  std::uint64_t below(std::uint64_t bound) noexcept;
  // Uniform in [0, 1).
  double unit() noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  std::array<std::uint64_t, 4> state_;
};

// 64 bits from the kernel (getrandom): one system call, for seeding.
std::uint64_t secure_seed() noexcept;

}  // namespace outrigger
