// The tokens that an answer says it used, in the words of OpenAI (chat and Responses), Anthropic,
// Gemini, Bedrock and Cohere. Pure; for any bytes.
#pragma once

#include <optional>
#include <string_view>

#include "filters/limits/limit_core.h"

namespace outrigger::filters {

// Takes over what an answer, or one event of a stream, tells; of several the last, number by
// number: Anthropic tells of the prompt first and of the answer at the end. JSON that is cut or
// wrong tells what stands before the defect.
void read_usage(std::string_view json, std::optional<TokenUsage>& usage);

}  // namespace outrigger::filters
