// What the kernel says of the memory and the descriptors of this process and of its control group.
// Reads files of /proc and /sys, which no disk holds up but which take the kernel's locks: for the
// supervisor's thread, which serves no client.
#pragma once

#include <string>

#include "filters/overload/watermark.h"

namespace outrigger {

// `root` stands before /proc and /sys: empty but in tests.
[[nodiscard]] filters::MemoryReading read_memory(const std::string& root = {});

// Open descriptors, of RLIMIT_NOFILE.
[[nodiscard]] filters::Usage read_descriptors();

}  // namespace outrigger
