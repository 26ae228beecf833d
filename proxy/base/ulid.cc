#include "proxy/base/ulid.h"

namespace outrigger {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";  // no I, L, O, U
constexpr std::uint64_t kMaxMs = (std::uint64_t{1} << 48) - 1;

// `count` characters of 5 bits each from the low end of `bits`, most significant first.
void encode(char* out, std::uint64_t bits, int count) noexcept {
  for (int i = count - 1; i >= 0; --i) {
    out[i] = kAlphabet[bits & 31];
    bits >>= 5;
  }
}

}  // namespace

void UlidSource::next(std::uint64_t unix_ms, char (&out)[kSize]) noexcept {
  unix_ms = unix_ms < kMaxMs ? unix_ms : kMaxMs;
  if (unix_ms > last_ms_) {
    last_ms_ = unix_ms;
    // The top bit stays free, so that counting up within a millisecond never overflows in practice.
    high_ = static_cast<std::uint16_t>(random_.next() >> 49);
    low_ = random_.next();
  } else if (++low_ == 0 && ++high_ == 0) {
    ++last_ms_;
  }
  encode(out, last_ms_, 10);
  encode(out + 10, static_cast<std::uint64_t>(high_) << 24 | low_ >> 40, 8);
  encode(out + 18, low_ & 0xff'ffff'ffffU, 8);
}

std::optional<std::uint64_t> ulid_time_ms(std::string_view text) noexcept {
  if (text.size() != UlidSource::kSize || text[0] > '7') return std::nullopt;
  std::uint64_t ms = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t digit = kAlphabet.find(text[i]);
    if (digit == std::string_view::npos) return std::nullopt;
    if (i < 10) ms = ms << 5 | digit;
  }
  return ms;
}

}  // namespace outrigger
