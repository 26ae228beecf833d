// Parts of a stored answer (RFC 9110 14). Pure, for any bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "filters/cache/entry.h"
#include "proxy/http/headers.h"

namespace outrigger::filters {

// Who asks for more pieces gets the whole (14.2).
inline constexpr std::size_t kMostRanges = 32;

struct BodyPart {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;  // behind its last byte
  std::string before;     // of kParts: goes before it
  bool operator==(const BodyPart&) const = default;
};

struct RangeAnswer {
  enum class Kind : std::uint8_t {
    kWhole,          // no range, none that counts, or not worth it: the 200
    kPart,           // 206 with one part
    kParts,          // 206 as multipart/byteranges: each part behind its text, then `after`
    kUnsatisfiable,  // 416
  };
  Kind kind = Kind::kWhole;
  std::vector<BodyPart> parts;
  std::string content_range;  // of kPart and kUnsatisfiable
  std::string content_type;   // of kParts, instead of the stored one
  std::string after;          // of kParts
  std::uint64_t length = 0;   // of the content that goes out; of kWhole and kUnsatisfiable 0
};

// Of GET, once no condition has made it a 304 (13.2.2). `boundary`: 1 to 70 letters and digits that
// do not stand in the body, such as random ones.
[[nodiscard]] RangeAnswer answer_ranges(const http::Headers& request, const StoredHead& stored,
                                        std::uint64_t body_bytes, std::string_view boundary);

}  // namespace outrigger::filters
