#include "proxy/base/wall_clock.h"

#include <chrono>
#include <cstring>
#include <ctime>

namespace outrigger {
namespace {

void put_digits(char* at, unsigned value, int width) noexcept {
  for (int i = width - 1; i >= 0; --i) {
    at[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

}  // namespace

std::int64_t WallClock::system() noexcept {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(since).count();
}

std::string_view TimestampText::format(std::int64_t micros) noexcept {
  std::int64_t second = micros / 1'000'000;
  std::int64_t fraction = micros % 1'000'000;
  if (fraction < 0) --second, fraction += 1'000'000;
  if (second != second_) {
    second_ = second;
    const std::time_t seconds = second;
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    std::memcpy(text_.data(), "0000-00-00T00:00:00.000000Z", kSize);
    put_digits(&text_[0], static_cast<unsigned>(utc.tm_year + 1900), 4);
    put_digits(&text_[5], static_cast<unsigned>(utc.tm_mon + 1), 2);
    put_digits(&text_[8], static_cast<unsigned>(utc.tm_mday), 2);
    put_digits(&text_[11], static_cast<unsigned>(utc.tm_hour), 2);
    put_digits(&text_[14], static_cast<unsigned>(utc.tm_min), 2);
    put_digits(&text_[17], static_cast<unsigned>(utc.tm_sec), 2);
  }
  put_digits(&text_[20], static_cast<unsigned>(fraction), 6);
  return {text_.data(), text_.size()};
}

}  // namespace outrigger
