#include "proxy/upstream/request_path.h"

#include <array>
#include <cstring>
#include <vector>

#include <fmt/format.h>

#include "config/suggest.h"
#include "proxy/base/percent.h"

namespace outrigger::upstream {
namespace {

constexpr bool is_separator(char c) noexcept {
  return c == '/' || c == '\\';
}

}  // namespace

std::string_view first_segment(std::string_view path) noexcept {
  if (path.empty() || path[0] != '/') return {};
  path.remove_prefix(1);
  return path.substr(0, path.find('/'));
}

bool has_path_prefix(std::string_view path, std::string_view prefix) noexcept {
  return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

bool path_matches(std::string_view path, std::string_view pattern) noexcept {
  while (pattern.ends_with('/')) pattern.remove_suffix(1);
  if (path.find('%') == std::string_view::npos) return has_path_prefix(path, pattern);
  while (!pattern.empty()) {
    if (path.empty()) return false;
    PercentCharacter have = percent_front(path);
    PercentCharacter want = percent_front(pattern);
    if (have.size == 3 && !is_unreserved(have.value)) have = {'%', 1};
    if (want.size == 3 && !is_unreserved(want.value)) want = {'%', 1};
    if (have.value != want.value) return false;
    path.remove_prefix(have.size);
    pattern.remove_prefix(want.size);
  }
  return path.empty() || path[0] == '/';
}

bool has_dot_segments(std::string_view path) noexcept {
  // Without a dot, plain or encoded, there is nothing to look for: the usual LLM path ends here.
  if (path.find('.') == std::string_view::npos && path.find('%') == std::string_view::npos)
    return false;
  std::size_t dots = 0;    // since the segment began
  bool only_dots = true;   // nothing else since the segment began
  bool parameter = false;  // after ';'
  const auto ends_as_dots = [&] { return only_dots && (dots == 1 || dots == 2); };
  while (!path.empty()) {
    const PercentCharacter c = percent_front(path);
    path.remove_prefix(c.size);
    if (is_separator(c.value)) {
      if (ends_as_dots()) return true;
      dots = 0;
      only_dots = true;
      parameter = false;
    } else if (parameter || c.value == ';') {
      parameter = true;
    } else if (c.value == '.') {
      ++dots;
    } else {
      only_dots = false;
    }
  }
  return ends_as_dots();
}

std::string_view join_target(http::RequestHead& head, std::string_view base_path,
                             std::string_view rest) {
  const bool has_path = rest.starts_with('/');
  if (base_path.empty() && has_path) return rest;
  if (base_path.empty()) base_path = "/";
  std::array<char, 1024> buffer;
  const std::size_t size = base_path.size() + rest.size();
  if (size > buffer.size()) {
    return head.headers.intern(std::string(base_path).append(rest));
  }
  std::memcpy(buffer.data(), base_path.data(), base_path.size());
  if (!rest.empty()) std::memcpy(buffer.data() + base_path.size(), rest.data(), rest.size());
  return head.headers.intern({buffer.data(), size});
}

std::string request_origin(const config::Config& config, const http::RequestHead& head) {
  std::string_view scheme = head.scheme;
  if (scheme.empty()) scheme = config.server.tls ? "https" : "http";
  std::string_view authority = head.authority;
  if (authority.empty() && !config.server.listen.empty()) authority = config.server.listen[0].text;
  return fmt::format("{}://{}", scheme, authority);
}

const config::Upstream* nearest_upstream(const config::Config& config, std::string_view path) {
  std::vector<std::string_view> names;
  for (const config::Upstream& upstream : config.upstreams) {
    names.push_back(first_segment(upstream.path_prefix));
  }
  const std::string_view near = config::nearest(first_segment(path), names);
  for (const config::Upstream& upstream : config.upstreams) {
    const std::string_view version = upstream.expected_version;
    const bool meant = near.empty() ? !version.empty() && has_path_prefix(path, version)
                                    : first_segment(upstream.path_prefix) == near;
    if (meant) return &upstream;
  }
  return nullptr;
}

}  // namespace outrigger::upstream
