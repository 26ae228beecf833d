// HTTP dates as a cache must read them (RFC 9110 5.6.7): what is nearly a date is none, since an
// invalid Expires means "already expired" (RFC 9111 5.3). Servers' hints for a retry are read more
// kindly, see filters/classify/hint_values.h. Times of day are microseconds since 1970.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace outrigger::filters {

// The three forms, with names in any case (RFC 9111 4.2), whatever the weekday says. Two digits of
// a year are the year of 1970 and later that is at most 50 years after `now_us`.
[[nodiscard]] std::optional<std::int64_t> parse_page_date(std::string_view text,
                                                          std::int64_t now_us) noexcept;

// "Sun, 06 Nov 1994 08:49:37 GMT"; fractions of a second are dropped.
[[nodiscard]] std::string page_date(std::int64_t time_us);

}  // namespace outrigger::filters
