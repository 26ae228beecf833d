// Small questions about request paths, for the router. All pure; nothing here normalises: a path is
// sent as it came or not at all.
#pragma once

#include <string>
#include <string_view>

#include "config/config.h"
#include "proxy/http/message.h"

namespace outrigger::upstream {

// "openai" of "/openai/v1/models"; empty for "/" and for paths that begin with "//".
std::string_view first_segment(std::string_view path) noexcept;

// True when `path` begins with `prefix` by whole segments. An empty prefix fits every path.
bool has_path_prefix(std::string_view path, std::string_view prefix) noexcept;

// The same for a route's pattern; unreserved characters count as equal to their percent-encoding,
// which names the same resource (RFC 3986 6.2.2.2), so that "/%69nvoices" does not slip past a
// policy.
bool path_matches(std::string_view path, std::string_view pattern) noexcept;

// True for "." and ".." segments in any disguise that a server behind us may see through:
// percent-encoded, separated by "%2f", "%5c" or a backslash, or followed by a path parameter
// ("..;x").
bool has_dot_segments(std::string_view path) noexcept;

// What to send upstream: `base_path`, then `rest` (what follows our prefix, with the query). A view
// into the request's target where that will do, else interned in its headers.
std::string_view join_target(http::RequestHead& head, std::string_view base_path,
                             std::string_view rest);

// How the client addressed us: "http://127.0.0.1:4170".
std::string request_origin(const config::Config& config, const http::RequestHead& head);

// The upstream whose prefix was probably meant by this path: a near miss of its first segment, or,
// when the path begins with a version, the first one with that version. nullptr when nothing is
// near.
const config::Upstream* nearest_upstream(const config::Config& config, std::string_view path);

}  // namespace outrigger::upstream
