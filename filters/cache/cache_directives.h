// What Cache-Control asks for (RFC 9111 5.2, RFC 5861), of a request and of an answer. Pure, for
// any bytes. Names count in any case, values with and without quotes. Of directives that are there
// twice the strictest counts, on one line or on several (4.2.1).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/cache_policies.h"
#include "proxy/base/duration.h"
#include "proxy/http/headers.h"

namespace outrigger::filters {

// What a number of seconds that is too large counts as (1.2.2): 68 years, so that sums of a few
// fit into a Duration.
inline constexpr Duration kLongestDelta = std::chrono::seconds{2147483648};

// The number in delta-seconds (1.2.2); nothing for anything else.
[[nodiscard]] std::optional<Duration> parse_delta(std::string_view text) noexcept;

struct RequestDirectives {
  bool no_store = false;
  bool no_cache = false;
  bool only_if_cached = false;
  std::optional<Duration> max_age = {};    // no number: 0
  std::optional<Duration> min_fresh = {};  // no number: the longest
  std::optional<Duration> max_stale = {};  // without a value: the longest
  std::optional<Duration> if_error = {};   // RFC 5861 4
  bool operator==(const RequestDirectives&) const = default;
};

struct AnswerDirectives {
  bool no_store = false;
  bool no_cache = false;    // of the whole answer; with field names see below
  bool is_private = false;  // likewise
  bool is_public = false;
  bool must_revalidate = false;
  bool proxy_revalidate = false;
  bool must_understand = false;
  bool targeted = false;                    // CDN-Cache-Control: Expires is of no account
  std::optional<Duration> max_age = {};     // no number: 0, so it is stale (4.2.1)
  std::optional<Duration> shared_age = {};  // s-maxage, likewise
  std::optional<Duration> while_revalidate = {};
  std::optional<Duration> if_error = {};
  std::vector<std::string> no_cache_fields;  // lower case: `no-cache="a, b"`
  std::vector<std::string> private_fields;   // likewise
  bool operator==(const AnswerDirectives&) const = default;
};

// Allocates nothing. Pragma counts where there is no Cache-Control (5.4).
[[nodiscard]] RequestDirectives request_directives(const http::Headers& request) noexcept;

// With `obey_cdn`, CDN-Cache-Control where it is valid and not empty (RFC 9213 2.1, 2.2).
[[nodiscard]] AnswerDirectives answer_directives(const http::Headers& answer,
                                                 const config::PageCache& policy);

}  // namespace outrigger::filters
