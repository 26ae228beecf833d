#include "proxy/base/percent.h"

namespace outrigger {

std::string percent_decoded(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const PercentCharacter front = percent_front(text);
    out += front.value;
    text.remove_prefix(front.size);
  }
  return out;
}

void append_percent_encoded(std::string& out, std::string_view text, std::string_view keep) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : text) {
    if (is_unreserved(c) || keep.contains(c)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
}

}  // namespace outrigger
