// `idempotency` and `on_client_gone`: values that do not go together. Pure.
#pragma once

#include <string>

#include "config/checker.h"
#include "config/policies.h"

namespace outrigger::config {

void check_idempotency(const Policies& policies, const std::string& path, Checker& checker);
// `used`: a route of the level has keys.
void check_client_gone(const Policies& policies, const std::string& path, bool used,
                       Checker& checker);

}  // namespace outrigger::config
