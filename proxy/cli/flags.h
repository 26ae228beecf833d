// Checks of option values that several commands share, in the form CLI11 wants: empty when the text
// is right, else what is wrong with it.
#pragma once

#include <string>

namespace outrigger::cli {

// "127.0.0.1:4170", "[::1]:4170", "unix:/path".
std::string listen_address(const std::string& text);

// "auto" or 1 to 1024.
std::string worker_count(const std::string& text);

}  // namespace outrigger::cli
