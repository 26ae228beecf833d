#include "filters/cache/byte_ranges.h"

#include <algorithm>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "filters/cache/entity_tag.h"
#include "filters/cache/field_list.h"
#include "filters/cache/page_date.h"
#include "proxy/http/h1_grammar.h"

namespace outrigger::filters {
namespace {

using http::equals_ignore_case;

constexpr std::int64_t kSecond = 1'000'000;

// ---- the request ----

// Digits; what is too large for a position is behind every end.
std::optional<std::uint64_t> position(std::string_view text) noexcept {
  if (text.empty()) return std::nullopt;
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    number = number > (kMost - digit) / 10 ? kMost : number * 10 + digit;
  }
  return number;
}

struct RangeSpec {
  std::optional<std::uint64_t> first;  // nothing: the last `last` bytes
  std::optional<std::uint64_t> last;   // nothing: to the end
};

// 14.1.1: "0-499", "500-", "-500".
std::optional<RangeSpec> range_spec(std::string_view text) noexcept {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view before = text.substr(0, dash);
  const std::string_view after = text.substr(dash + 1);
  const RangeSpec spec{position(before), position(after)};
  if (before.empty() ? !spec.last : !spec.first) return std::nullopt;
  if (!after.empty() && !spec.last) return std::nullopt;
  if (spec.first && spec.last && *spec.last < *spec.first) return std::nullopt;
  return spec;
}

// Nothing when it asks for bytes that are not there (14.1.2).
std::optional<BodyPart> part_of(const RangeSpec& spec, std::uint64_t body_bytes) noexcept {
  if (!spec.first) {
    const std::uint64_t size = std::min(*spec.last, body_bytes);
    if (size == 0) return std::nullopt;
    return BodyPart{body_bytes - size, body_bytes, {}};
  }
  if (*spec.first >= body_bytes) return std::nullopt;
  const std::uint64_t last = std::min(spec.last.value_or(body_bytes), body_bytes - 1);
  return BodyPart{*spec.first, last + 1, {}};
}

// The one Range field; empty when there is none that counts: two contradict each other.
std::string_view range_field(const http::Headers& request) noexcept {
  const http::Field* found = nullptr;
  for (const http::Field& field : request) {
    if (field.id != http::HeaderId::kOther || !equals_ignore_case(field.name, "range")) continue;
    if (found != nullptr) return {};
    found = &field;
  }
  return found == nullptr ? std::string_view{} : found->value;
}

// 8.8.2.2: a date is a strong validator when it lies at least a second before the answer's.
bool is_same_version(std::string_view date, const StoredHead& stored) noexcept {
  const auto modified = parse_page_date(field_value(stored, "last-modified"), 0);
  const auto made = parse_page_date(field_value(stored, "date"), 0);
  if (!modified || !made || *made - *modified < kSecond) return false;
  return parse_page_date(date, 0) == modified;
}

// 13.1.5: whether If-Range, if there is one, lets the range count.
bool holds_if_range(const http::Headers& request, const StoredHead& stored) noexcept {
  const http::Field* field = request.find("if-range");
  if (field == nullptr) return true;
  if (same_tag_strongly(field->value, field_value(stored, "etag"))) return true;
  return is_same_version(field->value, stored);
}

struct Wanted {
  std::vector<BodyPart> parts;  // those that are there
  std::uint64_t bytes = 0;
};
// Nothing when the field is to be ignored.
std::optional<Wanted> wanted_parts(std::string_view field, std::uint64_t body_bytes) {
  const std::size_t equals = field.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  if (!equals_ignore_case(field.substr(0, equals), "bytes")) return std::nullopt;
  Wanted wanted;
  std::size_t count = 0;
  std::string_view rest = field.substr(equals + 1);
  for (std::string_view item; http::next_list_item(rest, item);) {
    if (item.empty()) continue;
    const std::optional<RangeSpec> spec = range_spec(item);
    if (!spec || ++count > kMostRanges) return std::nullopt;
    if (!spec->first && *spec->last > 0 && body_bytes == 0) return std::nullopt;  // all of nothing
    const std::optional<BodyPart> part = part_of(*spec, body_bytes);
    if (!part) continue;
    wanted.bytes += part->end - part->begin;
    wanted.parts.push_back(*part);
  }
  // Pieces that overlap so much that together they are no less than the whole.
  if (count == 0 || (wanted.parts.size() > 1 && wanted.bytes >= body_bytes)) return std::nullopt;
  return wanted;
}

// ---- the answer ----

std::string content_range(const BodyPart& part, std::uint64_t body_bytes) {
  return fmt::format("bytes {}-{}/{}", part.begin, part.end - 1, body_bytes);
}

RangeAnswer several_parts(Wanted wanted, const StoredHead& stored, std::uint64_t body_bytes,
                          std::string_view boundary) {
  RangeAnswer answer{.kind = RangeAnswer::Kind::kParts,
                     .parts = std::move(wanted.parts),
                     .content_range = {},
                     .content_type = fmt::format("multipart/byteranges; boundary={}", boundary),
                     .after = fmt::format("\r\n--{}--\r\n", boundary),
                     .length = wanted.bytes};
  const std::string_view type = field_value(stored, "content-type");
  std::string_view line_end;
  for (BodyPart& part : answer.parts) {
    part.before = fmt::format("{}--{}\r\n", line_end, boundary);
    if (!type.empty()) part.before += fmt::format("Content-Type: {}\r\n", type);
    part.before += fmt::format("Content-Range: {}\r\n\r\n", content_range(part, body_bytes));
    line_end = "\r\n";
    answer.length += part.before.size();
  }
  answer.length += answer.after.size();
  return answer;
}

}  // namespace

RangeAnswer answer_ranges(const http::Headers& request, const StoredHead& stored,
                          std::uint64_t body_bytes, std::string_view boundary) {
  const std::string_view field = range_field(request);
  if (field.empty() || stored.status != 200 || !holds_if_range(request, stored)) return {};
  std::optional<Wanted> wanted = wanted_parts(field, body_bytes);
  if (!wanted) return {};
  RangeAnswer answer;
  if (wanted->parts.empty()) {
    answer.kind = RangeAnswer::Kind::kUnsatisfiable;
    answer.content_range = fmt::format("bytes */{}", body_bytes);
    return answer;
  }
  if (wanted->parts.size() > 1) {
    return several_parts(std::move(*wanted), stored, body_bytes, boundary);
  }
  answer.kind = RangeAnswer::Kind::kPart;
  answer.content_range = content_range(wanted->parts.front(), body_bytes);
  answer.length = wanted->bytes;
  answer.parts = std::move(wanted->parts);
  return answer;
}

}  // namespace outrigger::filters
