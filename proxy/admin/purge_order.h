// Which stored answers are to go: what a person says, read strictly, because what goes by a slip of
// the pen is paid for again. Pure.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "filters/cache/cache_purge.h"

namespace outrigger::admin {

// Of a JSON text: `key` (hex), `tag`, `upstream`, `model`, `older_than` ("1h": stored before
// `now_us`, a time of day, less that), or `"all": true` and nothing else. Error: one line that says
// what is wrong and how it is meant.
std::expected<filters::CachePurge, std::string> read_purge_order(std::string_view json,
                                                                 std::int64_t now_us);

// For the log: `tag="a" stored_before=2026-01-31T23:59:59.123456Z`, or `all`.
std::string describe(const filters::CachePurge& order);

}  // namespace outrigger::admin
