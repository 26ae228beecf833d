#include "filters/cache/validation.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "filters/cache/entity_tag.h"
#include "filters/cache/field_list.h"
#include "filters/cache/page_date.h"

namespace outrigger::filters {
namespace {

using http::equals_ignore_case;
using http::HeaderId;

template <std::size_t N>
bool holds_name(const std::array<std::string_view, N>& names, std::string_view name) noexcept {
  return std::ranges::any_of(names,
                             [&](std::string_view held) { return equals_ignore_case(held, name); });
}

std::string_view value_of(const http::Headers& headers, std::string_view name) noexcept {
  const http::Field* field = headers.find(name);
  return field == nullptr ? std::string_view{} : field->value;
}

// ---- the client's ----

struct Conditions {
  bool none_match = false;
  bool match = false;                           // If-Match or If-Unmodified-Since
  const http::Field* modified_since = nullptr;  // the only one
  bool several_dates = false;
};

Conditions conditions_of(const http::Headers& request) noexcept {
  Conditions found;
  for (const http::Field& field : request) {
    if (field.id != HeaderId::kOther || !http::starts_ignoring_case(field.name, "if-")) continue;
    if (equals_ignore_case(field.name, "if-none-match")) found.none_match = true;
    if (equals_ignore_case(field.name, "if-match")) found.match = true;
    if (equals_ignore_case(field.name, "if-unmodified-since")) found.match = true;
    if (!equals_ignore_case(field.name, "if-modified-since")) continue;
    if (found.modified_since != nullptr) found.several_dates = true;
    found.modified_since = &field;
  }
  return found;
}

// RFC 9110 13.1.2: by weak comparison.
bool names_stored(const http::Headers& request, std::string_view stored_tag) noexcept {
  for (const http::Field& field : request) {
    if (!equals_ignore_case(field.name, "if-none-match")) continue;
    if (field.value == "*") return true;
    std::string_view rest = field.value;
    for (std::string_view tag; next_tag(rest, tag);) {
      if (same_tag_weakly(tag, stored_tag)) return true;
    }
  }
  return false;
}

// RFC 9111 4.3.2: where it does not say when it changed, Date does, or when it came.
std::int64_t changed_at(const StoredHead& stored, std::int64_t received_us) noexcept {
  const auto modified = parse_page_date(field_value(stored, "last-modified"), received_us);
  if (modified) return *modified;
  return parse_page_date(field_value(stored, "date"), received_us).value_or(received_us);
}

// ---- ours ----

// Of content, which does not come with a 304.
constexpr std::array<std::string_view, 8> kContentFields = {
    "content-encoding", "content-language", "content-length", "content-md5",
    "content-range",    "content-type",     "content-digest", "repr-digest"};

// RFC 9111 3.2: what the stored bytes were read by; and what a store never holds (store_page leaves
// out the rest of that).
constexpr std::array<std::string_view, 5> kNeverUpdated = {
    "content-encoding", "content-length", "content-range", "content-type", "transfer-encoding"};

bool same_date(std::string_view a, std::string_view b) noexcept {
  if (a.empty() || b.empty()) return false;
  if (a == b) return true;
  // Both in full: two digits of a year are read alike on both sides.
  const auto first = parse_page_date(a, 0);
  return first && first == parse_page_date(b, 0);
}

bool is_said_anew(const http::Headers& update, std::string_view name) noexcept {
  return !holds_name(kNeverUpdated, name) && update.find(name) != nullptr;
}

// When the answer was made and how old it was then: of the 304, or of now (RFC 9110 6.6.1).
bool tells_of_delivery(std::string_view name) noexcept {
  return http::equals_ignore_case(name, "date") || http::equals_ignore_case(name, "age");
}

}  // namespace

Condition evaluate_condition(const http::Headers& request, const StoredHead& stored,
                             std::int64_t received_us) noexcept {
  const Conditions conditions = conditions_of(request);
  if (conditions.match) return Condition::kUpstream;
  if (stored.status != 200) return Condition::kNone;
  if (conditions.none_match) {
    return names_stored(request, field_value(stored, "etag")) ? Condition::kNotModified
                                                              : Condition::kNone;
  }
  if (conditions.modified_since == nullptr || conditions.several_dates) return Condition::kNone;
  const auto since = parse_page_date(conditions.modified_since->value, received_us);
  if (!since) return Condition::kNone;
  return changed_at(stored, received_us) <= *since ? Condition::kNotModified : Condition::kNone;
}

bool belongs_in_not_modified(const StoredHead& stored, const StoredField& field) noexcept {
  if (equals_ignore_case(field.name, "last-modified")) return find_field(stored, "etag") == nullptr;
  return !holds_name(kContentFields, field.name);
}

void ask_for_validation(http::Headers& request, const StoredHead& stored) {
  for (const std::string_view name : {"if-none-match", "if-modified-since", "if-range", "range"}) {
    request.remove(name);
  }
  const std::string_view tag = field_value(stored, "etag");
  const std::string_view date = field_value(stored, "last-modified");
  if (!tag.empty()) request.add("if-none-match", tag);
  if (!date.empty()) request.add("if-modified-since", date);
}

bool confirms(const http::Headers& not_modified, const StoredHead& stored) {
  const std::string_view tag = value_of(not_modified, "etag");
  const std::string_view stored_tag = field_value(stored, "etag");
  if (!tag.empty()) {
    return is_weak_tag(tag) ? same_tag_weakly(tag, stored_tag) : same_tag_strongly(tag, stored_tag);
  }
  const std::string_view date = value_of(not_modified, "last-modified");
  if (!date.empty()) return same_date(date, field_value(stored, "last-modified"));
  // It names no version: it can only mean the one that was asked about.
  return true;
}

http::ResponseHead freshened(const StoredHead& stored, const http::Headers& not_modified) {
  http::ResponseHead head;
  head.status = stored.status;
  for (const StoredField& field : stored.fields) {
    if (is_said_anew(not_modified, field.name) || tells_of_delivery(field.name)) continue;
    head.headers.add(field.name, field.value);
  }
  for (const http::Field& field : not_modified) {
    if (is_said_anew(not_modified, field.name)) head.headers.add(field.name, field.value);
  }
  return head;
}

HeadEffect head_effect(const http::ResponseHead& head, const StoredHead& stored) {
  if (head.status != 200 || stored.status != 200) return HeadEffect::kNothing;
  const std::string_view length = head.headers.get(HeaderId::kContentLength);
  const bool same_length =
      length.empty() || !stored.length || length == std::to_string(*stored.length);
  const std::string_view date = value_of(head.headers, "last-modified");
  const bool same_change = date.empty() || same_date(date, field_value(stored, "last-modified"));
  return same_length && same_change && confirms(head.headers, stored) ? HeadEffect::kFreshens
                                                                      : HeadEffect::kOutdates;
}

}  // namespace outrigger::filters
