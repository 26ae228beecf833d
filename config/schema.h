// The JSON Schema of the configuration, for editors (`# yaml-language-server: $schema=...`).
#pragma once

#include <string>

namespace outrigger::config {

// Draft 2020-12, generated from the declarations that the decoder reads. Ends with a newline.
std::string json_schema();

}  // namespace outrigger::config
