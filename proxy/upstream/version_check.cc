#include "proxy/upstream/version_check.h"

#include <algorithm>

#include "proxy/upstream/request_path.h"

namespace outrigger::upstream {
namespace {

bool is_version(const config::Upstream& upstream, std::string_view segment) noexcept {
  return !segment.empty() &&
         std::ranges::any_of(upstream.version_tokens, [&](std::string_view token) {
           if (token.starts_with('/')) token.remove_prefix(1);
           return token == segment;
         });
}

// `path` without its leading segments that are versions.
std::string_view skip_versions(const config::Upstream& upstream, std::string_view path) noexcept {
  const std::string_view expected = upstream.expected_version;
  for (;;) {
    const std::string_view segment = first_segment(path);
    if (has_path_prefix(path, expected)) {
      path.remove_prefix(expected.size());
    } else if (is_version(upstream, segment)) {
      path.remove_prefix(1 + segment.size());
    } else {
      return path;
    }
  }
}

std::string_view skip_empty_segments(std::string_view path) noexcept {
  while (path.starts_with("//")) path.remove_prefix(1);
  return path;
}

// The path from where the expected version stands in it, as whole segments; empty when nowhere.
std::string_view from_version(std::string_view path, std::string_view expected) noexcept {
  for (std::size_t at = path.find(expected); at != std::string_view::npos;
       at = path.find(expected, at + 1)) {
    if (has_path_prefix(path.substr(at), expected)) return path.substr(at);
  }
  return {};
}

std::string corrected(const config::Upstream& upstream, std::string_view path) {
  path = skip_empty_segments(path);
  const std::string& expected = upstream.expected_version;
  std::string_view rest = from_version(path, expected);
  rest = skip_empty_segments(skip_versions(upstream, rest.empty() ? path : rest));
  return rest == "/" ? expected : expected + std::string(rest);
}

// X of X + X (two segments or more) or of X + version + X; empty when `path` is neither.
std::string_view repeated_endpoint(std::string_view path, std::string_view version) noexcept {
  const std::string_view again = from_version(path, version);
  if (again.size() > version.size()) {
    const std::string_view before = path.substr(0, path.size() - again.size());
    if (before.size() > 1 && again.substr(version.size()) == before) return before;
  }
  const std::string_view half = path.substr(0, path.size() / 2);
  if (path.size() % 2 != 0 || path.substr(half.size()) != half) return {};
  return std::ranges::count(half, '/') >= 2 ? half : std::string_view{};
}

}  // namespace

VersionSlip check_version(const config::Upstream& upstream, std::string_view path) {
  using Kind = VersionSlip::Kind;
  const std::string& expected = upstream.expected_version;
  if (expected.empty()) return {};
  if (!has_path_prefix(path, expected)) return {Kind::kWrong, corrected(upstream, path)};
  const std::string_view rest = path.substr(expected.size());
  if (has_path_prefix(rest, expected) || is_version(upstream, first_segment(rest))) {
    return {Kind::kDoubled, corrected(upstream, path)};
  }
  if (const std::string_view endpoint = repeated_endpoint(rest, expected); !endpoint.empty()) {
    return {Kind::kDoubledEndpoint, expected + std::string(endpoint)};
  }
  return {};
}

}  // namespace outrigger::upstream
