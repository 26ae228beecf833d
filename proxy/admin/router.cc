#include "proxy/admin/router.h"

#include <iterator>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "proxy/admin/answers.h"
#include "proxy/base/percent.h"

namespace outrigger::admin {
namespace {

using http::Method;

constexpr std::size_t kShown = 60;  // of a name that we do not know

// The next segment of a path, which is shortened by it; a path is "/a/b".
std::string_view take_segment(std::string_view& path) {
  path.remove_prefix(1);
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

// What stands for the {…} of the pattern; nothing when the path is another one.
std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view path) {
  std::vector<std::string> parts;
  while (pattern.starts_with('/') && path.starts_with('/')) {
    const std::string_view wanted = take_segment(pattern);
    const std::string_view segment = take_segment(path);
    if (wanted.starts_with('{')) {
      if (segment.empty()) return std::nullopt;
      parts.push_back(percent_decoded(segment));
    } else if (wanted != segment) {
      return std::nullopt;
    }
  }
  if (!pattern.empty() || !path.empty()) return std::nullopt;
  return parts;
}

bool serves(const Route& route, Method method) noexcept {
  return route.method == (method == Method::kHead ? Method::kGet : method);
}

std::string_view name_of(Method method) noexcept {
  switch (method) {
    case Method::kGet:
      return "GET, HEAD";
    case Method::kPost:
      return "POST";
    case Method::kPut:
      return "PUT";
    case Method::kPatch:
      return "PATCH";
    default:
      return "DELETE";
  }
}

http::Response wrong_method(const std::string& allowed) {
  http::Response response =
      problem_answer("admin_method_not_allowed", fmt::format("This path takes {}.", allowed));
  response.head.headers.add("Allow", allowed);
  return response;
}

// A page of another site can send text and forms without being asked back, but not this.
bool sends_json(const http::Headers& headers) {
  if (headers.count(http::HeaderId::kContentType) != 1) return false;
  std::string_view type = headers.get(http::HeaderId::kContentType);
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  return http::equals_ignore_case(type, "application/json");
}

}  // namespace

Router::Router(std::vector<Route> routes) : routes_(std::move(routes)) {}

std::expected<Router::Found, http::Response> Router::find(const http::RequestHead& head) const {
  std::string allowed;
  for (const Route& route : routes_) {
    auto parts = match(route.path, head.path());
    if (!parts) continue;
    if (!serves(route, head.method)) {
      fmt::format_to(std::back_inserter(allowed), "{}{}", allowed.empty() ? "" : ", ",
                     name_of(route.method));
      continue;
    }
    if (!http::is_safe(head.method) && !sends_json(head.headers)) {
      return std::unexpected(problem_answer("admin_media_type", {}));
    }
    Query query(head.target);
    if (const auto stray = query.stray(route.query)) {
      return std::unexpected(problem_answer(
          "admin_bad_request",
          fmt::format("The parameter \"{}\" of the query is not known here, or stands there twice.",
                      stray->substr(0, kShown))));
    }
    return Found{route, std::move(*parts), std::move(query)};
  }
  if (!allowed.empty()) return std::unexpected(wrong_method(allowed));
  return std::unexpected(problem_answer("admin_unknown_path", {}));
}

}  // namespace outrigger::admin
