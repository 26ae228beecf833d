// Which `classify` rule makes a later one useless. Pure.
#pragma once

#include "config/policies.h"

namespace outrigger::config {

// Whether the rule asks for anything at all.
bool has_condition(const ClassifyRule& rule) noexcept;

// Whenever `narrow` holds, `wide` does too: behind it `narrow` is never asked. False also where it
// cannot be told.
bool covers(const ClassifyRule& wide, const ClassifyRule& narrow);

}  // namespace outrigger::config
