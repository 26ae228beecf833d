#include "proxy/mock/identity.h"

#include <array>
#include <ctime>

#include <fmt/format.h>

namespace outrigger::mock {
namespace {

std::tm utc(std::int64_t seconds) noexcept {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  return parts;
}

}  // namespace

std::string Identity::make(std::string_view prefix, std::size_t length) {
  constexpr std::string_view kAlphabet =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  std::string id(prefix);
  for (std::size_t i = 0; i < length; ++i) id += kAlphabet[random_.below(kAlphabet.size())];
  return id;
}

std::string Identity::uuid() {
  const std::string digits = fmt::format("{:016x}{:016x}", random_.next(), random_.next());
  const std::string_view d = digits;
  return fmt::format("{}-{}-4{}-a{}-{}", d.substr(0, 8), d.substr(8, 4), d.substr(13, 3),
                     d.substr(17, 3), d.substr(20, 12));
}

std::string rfc3339(std::int64_t seconds) {
  const std::tm t = utc(seconds);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", t.tm_year + 1900, t.tm_mon + 1,
                     t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
}

std::string http_date(std::int64_t seconds) {
  constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::tm t = utc(seconds);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     kDays[static_cast<std::size_t>(t.tm_wday)], t.tm_mday,
                     kMonths[static_cast<std::size_t>(t.tm_mon)], t.tm_year + 1900, t.tm_hour,
                     t.tm_min, t.tm_sec);
}

}  // namespace outrigger::mock
