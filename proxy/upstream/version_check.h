// Base URLs are mistyped in three ways: the API version is missing or wrong, stands twice, or a
// whole endpoint was given as the base URL (operability 5). Each draws an answer that names the
// right URL. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/config.h"

namespace outrigger::upstream {

struct VersionSlip {
  enum class Kind : std::uint8_t { kNone, kWrong, kDoubled, kDoubledEndpoint };
  Kind kind = Kind::kNone;
  std::string path;  // what should have stood behind the prefix
};

// `path` is what follows the upstream's prefix, without the query.
VersionSlip check_version(const config::Upstream& upstream, std::string_view path);

}  // namespace outrigger::upstream
