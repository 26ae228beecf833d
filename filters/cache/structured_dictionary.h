// Dictionaries of structured fields (RFC 8941 3.2, 4.2.2), as far as cache directives need them.
// Pure, for any bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace outrigger::filters {

struct DictionaryMember {
  // kOther: a decimal, a byte sequence, an inner list.
  enum class Type : std::uint8_t { kTrue, kFalse, kInteger, kString, kToken, kOther };
  std::string_view key;
  Type type = Type::kTrue;
  std::string_view text;  // of kInteger, kToken; of kString between its quotes, as sent
};

// In order; of members with one key the last stays, in its place (4.2.2). Parameters are read past.
// Nothing when the text is no dictionary. Views into `text`.
[[nodiscard]] std::optional<std::vector<DictionaryMember>> parse_dictionary(std::string_view text);

}  // namespace outrigger::filters
