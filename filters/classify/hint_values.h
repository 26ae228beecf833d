// The forms in which servers write a time to come back, each as one function of its text. Pure, for
// any bytes: what is negative, junk, infinite, past or more than a year away is nothing. Absolute
// times are seconds since 1970 UTC.
#pragma once

#include <optional>
#include <string_view>

#include "proxy/base/duration.h"

namespace outrigger::filters {

// No service means a wait beyond this: it is a mistake, or a form that we do not know.
inline constexpr Duration kLongestHint = std::chrono::hours{24 * 366};

// "2", "1.5": seconds.
std::optional<Duration> hint_of_seconds(std::string_view text);
// "1500", "12.5": milliseconds.
std::optional<Duration> hint_of_milliseconds(std::string_view text);
// "6m0s", "1h2m3s", "12ms" (Go), "34s", "0.8s" (protobuf): numbers with units, all of the text.
std::optional<Duration> hint_of_units(std::string_view text);
// From `now` to a moment; nothing when it has passed.
std::optional<Duration> hint_of_moment(double moment, double now);

// "Sun, 06 Nov 1994 08:49:37 GMT" and the two obsolete forms (RFC 9110 5.6.7).
std::optional<double> parse_http_date(std::string_view text);
// "1985-04-12T23:20:50.52Z", "...+02:00" (RFC 3339).
std::optional<double> parse_rfc3339(std::string_view text);

// The value of Retry-After and its kin: seconds, whole or not, a date, a duration with units.
std::optional<Duration> hint_of_retry_after(std::string_view text, double now);
// The value of a rate limit's reset: the same, and a number above 30 days is a moment in seconds,
// above 1e11 in milliseconds (llm 2.4).
std::optional<Duration> hint_of_reset(std::string_view text, double now);

// "Please try again in 1.2s", "retry after 37 seconds", "regain access on 2026-12-01 at 00:00 UTC":
// the wait that a message for people names.
std::optional<Duration> hint_of_prose(std::string_view message, double now);

}  // namespace outrigger::filters
