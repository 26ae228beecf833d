#include "filters/cache/cache_status.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace outrigger::filters {
namespace {

// RFC 8941 3.3.4: a token begins with a letter.
bool is_structured_token(std::string_view text) noexcept {
  const auto is_letter = [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; };
  const auto fits = [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~:/").contains(c);
  };
  return !text.empty() && is_letter(text.front()) && std::ranges::all_of(text, fits);
}

// As a token, or as a string, which has no other bytes than printable ASCII.
void append_text(fmt::memory_buffer& out, std::string_view text) {
  if (is_structured_token(text)) return out.append(text);
  out.push_back('"');
  for (const char c : text) {
    if (c < ' ' || c > '~') continue;
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
}

}  // namespace

void append_cache_status(http::Headers& answer, const CacheStatus& status) {
  fmt::memory_buffer out;
  const auto end = std::back_inserter(out);
  if (status.forward) {
    fmt::format_to(end, "outrigger; fwd={}", to_string(*status.forward));
  } else {
    fmt::format_to(end, "outrigger; hit");
  }
  if (status.stored) fmt::format_to(end, "; stored");
  if (status.forward_status) fmt::format_to(end, "; fwd-status={}", *status.forward_status);
  if (status.collapsed) fmt::format_to(end, "; collapsed");
  if (status.ttl) {
    fmt::format_to(end, "; ttl={}", std::chrono::floor<std::chrono::seconds>(*status.ttl).count());
  }
  if (status.key != nullptr) fmt::format_to(end, "; key=\"{:02x}\"", fmt::join(*status.key, ""));
  if (!status.detail.empty()) {
    fmt::format_to(end, "; detail=");
    append_text(out, status.detail);
  }
  answer.add("Cache-Status", {out.data(), out.size()});
}

}  // namespace outrigger::filters
