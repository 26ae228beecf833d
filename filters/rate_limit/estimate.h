// How many tokens a request will take, before anybody has counted them. Pure; for any bytes.
#pragma once

#include <cstdint>
#include <string_view>

namespace outrigger::filters {

// The most tokens that the request lets its answer have, from the first bytes of its body: 0 where
// they do not say. max_tokens, max_completion_tokens, max_output_tokens; Gemini's and Bedrock's
// within their blocks.
[[nodiscard]] std::uint64_t max_answer_tokens(std::string_view prefix) noexcept;

}  // namespace outrigger::filters
