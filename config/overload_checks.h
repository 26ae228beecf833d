// `server.overload`: marks that contradict each other, or come too late. Pure.
#pragma once

#include "config/checker.h"
#include "config/config.h"

namespace outrigger::config {

void check_overload(const Overload& overload, Checker& checker);

}  // namespace outrigger::config
