// The reference page of the configuration.
#pragma once

#include <string>

namespace outrigger::config {

// Markdown, generated from the declarations that the decoder reads; kept as config/REFERENCE.md.
std::string reference_markdown();

}  // namespace outrigger::config
