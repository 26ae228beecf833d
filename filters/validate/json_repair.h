// Mends JSON that a model wrote almost right, without asking it again: code fences and prose around
// it, trailing commas, brackets and strings that are not closed, single quotes, keys without
// quotes, Python's words, comments. It guesses no value: what it cannot read it refuses. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace outrigger::filters {

// A longer text is refused; so is JSON nested deeper than 64 levels.
inline constexpr std::size_t kMaxRepaired = 1024 * 1024;

// JSON that `fits` accepts, of which there is one only in `text`; text that is JSON already comes
// back as it is, when it fits. Time is linear in the text, and `fits` is asked a few times at most.
[[nodiscard]] std::optional<std::string> repair_json(
    std::string_view text, const std::function<bool(std::string_view)>& fits);

}  // namespace outrigger::filters
