// Base64 (RFC 4648 4), read.
#pragma once

#include <string>
#include <string_view>

namespace outrigger {

// False where a byte is none of it; padding may be missing. `out` is replaced, and keeps its
// memory.
[[nodiscard]] bool decode_base64(std::string_view text, std::string& out);

}  // namespace outrigger
