// What the calls of one exchange cost together: `usage` of all its answers, summed into the last.
// Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "filters/validate/form.h"

namespace outrigger::filters {

class Usage {
 public:
  explicit Usage(Form form) noexcept : form_(form) {}

  // Adds what a JSON answer says of its cost.
  void add(std::string_view answer);
  // The answer with the sums in place of its own numbers; other bytes stay. A number that only an
  // earlier answer has is left out.
  [[nodiscard]] std::string put_into(std::string answer) const;
  // Of one answer: the tokens that the model wrote; a quarter of its bytes where it does not say.
  [[nodiscard]] static std::uint64_t written(Form form, std::string_view answer);

 private:
  static constexpr std::size_t kMost = 6;
  Form form_;
  std::array<std::uint64_t, kMost> sums_{};
};

}  // namespace outrigger::filters
