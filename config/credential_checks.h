// `credentials`: keys that cannot be used as they are written, or that more people read than
// should. Pure.
#pragma once

#include <string>
#include <vector>

#include "config/checker.h"
#include "config/config.h"
#include "config/policy_checks.h"

namespace outrigger::config {

// Keys that everybody may spend who reaches the proxy's port.
void check_spenders(const Server& server, const Upstream& upstream, const std::string& path,
                    Checker& checker);

void check_credentials(const std::vector<Endpoint>& endpoints, const Policies& policies,
                       const std::string& path, Decoded decoded, Checker& checker);

}  // namespace outrigger::config
