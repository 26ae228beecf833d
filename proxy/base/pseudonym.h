// The name by which this process calls itself in Via (RFC 9110 7.6.3): random, so that one process
// tells its own loop from a chain of several, and an address is not given away.
#pragma once

#include <string_view>

namespace outrigger {

// "outrigger-" and eight hex digits; the same for the life of the process. Any thread.
std::string_view pseudonym() noexcept;

}  // namespace outrigger
