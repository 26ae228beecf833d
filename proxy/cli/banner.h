// What `outrigger run` says on a terminal before it serves: where to point an SDK (operability 5).
// Pure text.
#pragma once

#include <string>

#include "config/config.h"

namespace outrigger::cli {

// What an SDK of this upstream wants as its base URL: `http://127.0.0.1:4170/openai/v1`. A wildcard
// listen address is named by its loopback address; empty when only unix sockets are listened on.
[[nodiscard]] std::string base_url(const config::Config& config, const config::Upstream& served);

// A few lines for a person, ending with a newline; no colours.
[[nodiscard]] std::string banner(const config::Config& config);

}  // namespace outrigger::cli
