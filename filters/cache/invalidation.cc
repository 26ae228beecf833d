#include "filters/cache/invalidation.h"

#include <algorithm>
#include <optional>

#include "proxy/http/h1_grammar.h"

namespace outrigger::filters {
namespace {

using http::equals_ignore_case;

// RFC 3986 5.2.4; the path begins with '/'.
std::string without_dot_segments(std::string_view path) {
  std::string kept;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/', 1), path.size());
    const std::string_view segment = path.substr(0, end);
    path.remove_prefix(end);
    const bool up = segment == "/..";
    if (up) kept.resize(kept.empty() ? 0 : kept.rfind('/'));
    if (!up && segment != "/.") kept += segment;
    // What ends in a dot segment ends in a slash.
    if (path.empty() && (up || segment == "/.")) kept += '/';
  }
  return kept.empty() ? "/" : kept;
}

bool is_scheme(std::string_view text) noexcept {
  const auto fits = [](char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '+' ||
           c == '-' || c == '.';
  };
  return !text.empty() && !(text.front() >= '0' && text.front() <= '9') &&
         std::ranges::all_of(text, fits);
}

// Takes "https:" off the front; empty when there is no scheme.
std::string_view take_scheme(std::string_view& reference) noexcept {
  const std::size_t colon = reference.find(':');
  if (colon == std::string_view::npos || !is_scheme(reference.substr(0, colon))) return {};
  const std::string_view scheme = reference.substr(0, colon);
  reference.remove_prefix(colon + 1);
  return scheme;
}

bool is_same_origin(const WriteRequest& request, std::string_view scheme,
                    std::string_view authority) noexcept {
  const std::string_view own = request.scheme.empty() ? scheme : request.scheme;
  if (!scheme.empty() && !equals_ignore_case(scheme, own)) return false;
  const auto ours = http::split_authority(request.authority);
  const auto theirs = http::split_authority(authority);
  if (!ours || !theirs) return false;
  return http::same_authority(*ours, *theirs, equals_ignore_case(own, "http") ? 80 : 443);
}

// Of a path or of nothing, and a query (RFC 3986 5.2.2).
std::string target_of(std::string_view reference, std::string_view base) {
  if (reference.empty()) return std::string(base);
  const std::size_t question = std::min(reference.find('?'), reference.size());
  const std::string_view path = reference.substr(0, question);
  const std::string_view query = reference.substr(question);
  const std::string_view base_path = base.substr(0, base.find('?'));
  if (path.empty()) return std::string(base_path).append(query);
  if (path.starts_with('/')) return without_dot_segments(path).append(query);
  std::string merged(base_path.substr(0, base_path.rfind('/') + 1));
  return without_dot_segments(merged.append(path)).append(query);
}

std::optional<std::string> same_origin_target(const WriteRequest& request,
                                              std::string_view reference) {
  reference = reference.substr(0, reference.find('#'));
  const std::string_view scheme = take_scheme(reference);
  if (!scheme.empty() && !equals_ignore_case(scheme, "http") &&
      !equals_ignore_case(scheme, "https")) {
    return std::nullopt;
  }
  if (!reference.starts_with("//")) {
    if (!scheme.empty()) return std::nullopt;
    return target_of(reference, request.target);
  }
  reference.remove_prefix(2);
  const std::size_t end = std::min(reference.find_first_of("/?"), reference.size());
  if (!is_same_origin(request, scheme, reference.substr(0, end))) return std::nullopt;
  reference.remove_prefix(end);
  return target_of(
      reference.starts_with('/') ? std::string(reference) : std::string("/").append(reference),
      request.target);
}

}  // namespace

std::vector<std::string> invalidated_targets(const WriteRequest& request,
                                             const http::ResponseHead& answer) {
  if (http::is_safe(request.method) || answer.status < 200 || answer.status > 399) return {};
  if (!request.target.starts_with('/')) return {};
  std::vector<std::string> targets{std::string(request.target)};
  for (const http::Field& field : answer.headers) {
    if (field.id != http::HeaderId::kLocation &&
        !equals_ignore_case(field.name, "content-location")) {
      continue;
    }
    std::optional<std::string> target = same_origin_target(request, field.value);
    if (target && std::ranges::find(targets, *target) == targets.end()) {
      targets.push_back(std::move(*target));
    }
  }
  return targets;
}

}  // namespace outrigger::filters
