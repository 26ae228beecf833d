// How many descriptors this process has open.
#pragma once

#include <cstdint>

namespace outrigger {

// Reads /proc. UINT64_MAX when there is not even one left to do that with.
[[nodiscard]] std::uint64_t open_descriptors();

}  // namespace outrigger
