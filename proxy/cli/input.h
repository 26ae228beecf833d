// What a command is given to read: a file, or standard input.
#pragma once

#include <cstddef>
#include <string>

#include "proxy/base/result.h"

namespace outrigger::cli {

inline constexpr std::size_t kMostInput = std::size_t{256} << 20;

// All of the file; of standard input for "-". Error: it cannot be read, or is longer than `most`,
// with a `detail` that says so.
[[nodiscard]] Result<std::string> read_input(const std::string& file,
                                             std::size_t most = kMostInput);

}  // namespace outrigger::cli
