#include "filters/cache/freshness.h"

#include <algorithm>
#include <array>

#include "filters/cache/field_list.h"
#include "filters/cache/page_date.h"

namespace outrigger::filters {
namespace {

using http::HeaderId;
using Mode = config::PageCache::Mode;

// The moment that Date names, else when it came (RFC 9110 6.6.1).
std::int64_t date_of(const http::Headers& answer, std::int64_t received_us) noexcept {
  return parse_page_date(answer.get(HeaderId::kDate), received_us).value_or(received_us);
}

// 5.1: the first member of the first line; what is no number is ignored.
Duration age_value(const http::Headers& answer) noexcept {
  const http::Field* field = answer.find("age");
  if (field == nullptr) return 0s;
  std::string_view rest = field->value;
  std::string_view first;
  next_member(rest, first);
  return parse_delta(first).value_or(0s);
}

// The earliest Expires; one that is no date has passed already (5.3).
std::optional<std::int64_t> expires_of(const http::Headers& answer,
                                       std::int64_t received_us) noexcept {
  std::optional<std::int64_t> earliest;
  for (const http::Field& field : answer) {
    if (field.id != HeaderId::kOther || !http::equals_ignore_case(field.name, "expires")) continue;
    const std::int64_t moment = parse_page_date(field.value, received_us).value_or(0);
    earliest = std::min(earliest.value_or(moment), moment);
  }
  return earliest;
}

}  // namespace

Duration span_between(std::int64_t from_us, std::int64_t to_us) noexcept {
  constexpr std::int64_t kMost =
      std::chrono::duration_cast<std::chrono::microseconds>(kLongestDelta).count();
  return std::chrono::microseconds{std::clamp(to_us - from_us, -kMost, kMost)};
}

bool is_heuristic_status(int status) noexcept {
  constexpr std::array kStatuses = {200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501};
  return std::ranges::find(kStatuses, status) != kStatuses.end();
}

Duration initial_age(const http::Headers& answer, std::int64_t requested_us,
                     std::int64_t received_us) noexcept {
  const Duration delay = std::max<Duration>(span_between(requested_us, received_us), 0s);
  const Duration apparent = span_between(date_of(answer, received_us), received_us);
  return std::min(std::max(apparent, age_value(answer) + delay), kLongestDelta);
}

std::optional<Duration> explicit_lifetime(const http::Headers& answer,
                                          const AnswerDirectives& directives, Mode mode,
                                          std::int64_t received_us) noexcept {
  if (mode == Mode::kShared && directives.shared_age) return directives.shared_age;
  if (directives.max_age || directives.targeted) return directives.max_age;
  const std::optional<std::int64_t> expires = expires_of(answer, received_us);
  if (!expires) return std::nullopt;
  return span_between(date_of(answer, received_us), *expires);
}

std::optional<Duration> heuristic_lifetime(const http::Headers& answer, Duration longest,
                                           std::int64_t received_us) noexcept {
  const http::Field* field = answer.find("last-modified");
  if (field == nullptr) return std::nullopt;
  const std::optional<std::int64_t> modified = parse_page_date(field->value, received_us);
  const std::int64_t date = date_of(answer, received_us);
  if (!modified || *modified > date) return std::nullopt;
  return std::min(span_between(*modified, date) / 10, longest);
}

}  // namespace outrigger::filters
