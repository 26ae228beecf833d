// Identifiers of exchanges: ULIDs, 26 characters of Crockford's base 32 whose text sorts by time of
// creation. One source per worker and thread; an identifier costs no system call and no allocation.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/base/random.h"

namespace outrigger {

class UlidSource {
 public:
  static constexpr std::size_t kSize = 26;

  // Sources with different seeds do not meet: 80 random bits in each millisecond.
  explicit UlidSource(std::uint64_t seed) noexcept : random_(seed) {}

  // Writes the next identifier. Strictly increasing, also within one millisecond and when `unix_ms`
  // goes backwards (ulid spec, "monotonicity").
  void next(std::uint64_t unix_ms, char (&out)[kSize]) noexcept;

 private:
  Random random_;
  std::uint64_t last_ms_ = 0;
  std::uint16_t high_ = 0;  // the upper 16 of the 80 random bits
  std::uint64_t low_ = 0;
};

// Milliseconds since 1970 of a ULID; nothing when `text` is not one.
std::optional<std::uint64_t> ulid_time_ms(std::string_view text) noexcept;

}  // namespace outrigger
