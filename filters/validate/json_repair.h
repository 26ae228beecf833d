// Mends JSON that a model wrote almost right, without asking it again: code fences and prose around
// it, trailing commas, brackets and strings that are not closed, single quotes, keys without
// quotes, Python's words, comments. It guesses no value: what it cannot read it refuses. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace outrigger::filters {

enum class Mend : std::uint16_t {
  kFence = 1 << 0,
  kProse = 1 << 1,
  kComma = 1 << 2,
  kBracket = 1 << 3,  // closed what was open
  kString = 1 << 4,   // closed a string, or escaped what must be
  kQuotes = 1 << 5,
  kKeys = 1 << 6,
  kWords = 1 << 7,  // True, False, None, undefined
  kComment = 1 << 8,
  kNumber = 1 << 9,   // .5, 5.
  kMissing = 1 << 10  // arguments that were left out: {}
};

class Mends {
 public:
  void add(Mend mend) noexcept { bits_ |= static_cast<std::uint16_t>(mend); }
  [[nodiscard]] bool has(Mend mend) const noexcept {
    return (bits_ & static_cast<std::uint16_t>(mend)) != 0;
  }
  [[nodiscard]] bool none() const noexcept { return bits_ == 0; }

 private:
  std::uint16_t bits_ = 0;
};

struct RepairedJson {
  std::string text;  // is JSON
  Mends done;
};

// A longer text is refused; so is JSON nested deeper than 64 levels.
inline constexpr std::size_t kMaxRepaired = 1024 * 1024;

// JSON that `fits` accepts, of which there is one only in `text`; text that is JSON already comes
// back as it is, when it fits. Time is linear in the text, and `fits` is asked a few times at most.
[[nodiscard]] std::optional<RepairedJson> repair_json(
    std::string_view text, const std::function<bool(std::string_view)>& fits);

}  // namespace outrigger::filters
