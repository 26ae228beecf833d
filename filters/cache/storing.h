// Whether an answer may be kept (RFC 9111 3), as what, and for how long (4.2). Pure.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

#include "config/cache_policies.h"
#include "filters/cache/cache_directives.h"
#include "filters/cache/entry.h"
#include "proxy/http/message.h"

namespace outrigger::filters {

// So long a stale answer that can be validated is kept for that.
inline constexpr Duration kKeptForValidation = 24h;

// Whether a request says who asks. So counts what the proxy itself adds for it upstream (3.5, and
// cookies likewise): who holds the key must not decide what everybody gets.
enum class Caller : std::uint8_t { kNobody, kKnown };
[[nodiscard]] Caller caller_of(const http::Headers& request) noexcept;

// What counts of a request when its answer comes; taken before the request is changed.
struct PageRequest {
  http::Method method = http::Method::kGet;
  Caller caller = Caller::kNobody;
  RequestDirectives directives = {};
};

// Times of day: when the request went, and when the answer's head came.
struct AnswerTimes {
  std::int64_t requested_us = 0;
  std::int64_t received_us = 0;
};

enum class NotStored : std::uint8_t {
  kMethod,      // none but GET
  kStatus,      // of this request only, or without meaning to us
  kNoStore,     // either side says so
  kPrivate,     // this cache is shared
  kCredential,  // likewise, and nothing allows it (3.5)
  kVary,        // `*`
  kCookie,      // Set-Cookie without `public`, and this cache is shared
  kFreshness,   // nothing says how long, or it would be of no use before it is there
};
constexpr std::string_view to_string(NotStored why) noexcept {
  constexpr std::string_view kTexts[] = {"method",     "status", "no-store", "private",
                                         "credential", "vary",   "cookie",   "freshness"};
  return kTexts[static_cast<std::size_t>(why)];
}

// The parts of a CacheEntry that the rules decide.
struct StoredPage {
  StoredHead head;  // without a length
  PageFacts facts;
  std::int64_t expires_us = 0;
  std::int64_t keep_until_us = 0;
};

// The answer must be whole: who reads the body has to drop what ends early (3.3).
[[nodiscard]] std::expected<StoredPage, NotStored> store_page(const PageRequest& request,
                                                              const http::ResponseHead& answer,
                                                              const config::PageCache& policy,
                                                              const AnswerTimes& times);

// Whether its ETag or Last-Modified can be asked about.
[[nodiscard]] bool has_validator(const StoredHead& head, std::int64_t now_us) noexcept;

}  // namespace outrigger::filters
