// Where the mock's identifiers and times come from: a seed and a clock of its owner, so that the
// same seed and the same requests give the same bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/random.h"

namespace outrigger::mock {

class Identity {
 public:
  explicit Identity(std::uint64_t seed) noexcept : random_(seed) {}

  // `prefix` and `length` letters and digits.
  std::string make(std::string_view prefix, std::size_t length = 24);
  // 8-4-4-4-12 hexadecimal digits.
  std::string uuid();
  // Whether something that happens with this probability happens now.
  bool draw(double probability) noexcept { return random_.unit() < probability; }

  // Seconds since 1970, as its owner last set them.
  [[nodiscard]] std::int64_t seconds() const noexcept { return seconds_; }
  void set_seconds(std::int64_t seconds) noexcept { seconds_ = seconds; }

 private:
  Random random_;
  std::int64_t seconds_ = 0;
};

// "2026-01-31T23:59:59Z" (RFC 3339), "Sat, 31 Jan 2026 23:59:59 GMT" (RFC 9110 5.6.7).
std::string rfc3339(std::int64_t seconds);
std::string http_date(std::int64_t seconds);

}  // namespace outrigger::mock
