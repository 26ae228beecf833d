// Puts environment variables into a tree: `${NAME}`, `${NAME:-default}`; `$${` is a plain `${`.
#pragma once

#include "config/loader.h"
#include "config/reporter.h"
#include "config/source.h"

namespace outrigger::config {

// In every value, not in keys. What a variable holds is not looked at again. Reports each variable
// that is missing or misspelt; such a value stays as written.
void expand_variables(Node& root, const Environment& environment, Reporter& reporter);

// True for a text that is one variable without a default and nothing else: it can be shown although
// the value is secret.
bool is_reference_only(std::string_view written) noexcept;

// The inverse for plain text: a `${` in it is written `$${`.
std::string escape_variables(std::string_view text);

}  // namespace outrigger::config
