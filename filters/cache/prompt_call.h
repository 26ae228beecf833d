// Which call of an inference API a request makes: the cache answers those that do nothing but
// answer, and judges an answer in its words. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "config/policies.h"
#include "proxy/http/dialect.h"

namespace outrigger::filters {

enum class PromptCall : std::uint8_t {
  kNone,       // none of them: it may create something
  kChat,       // OpenAI's chat and text completions, and whoever speaks them
  kResponses,  // OpenAI's
  kAnthropic,  // messages, also at Vertex
  kGemini,
  kCohere,    // chat, v1 and v2
  kConverse,  // Bedrock
  kInvoke,    // Bedrock, in the words of whatever model it is
  kOllama,
  kNumbers,  // embeddings, moderation, reranking, counts of tokens: no text that could be cut
  kOther     // of an upstream that is no model's: its operator says that it only answers
};

// An upstream with the dialect of a model's answers a closed list of paths; it may have an
// endpoint of another provider's kind, so the path says which.
[[nodiscard]] PromptCall prompt_call(config::Dialect dialect, std::string_view path) noexcept;

// The grammar of its event streams, where the framing does not tell; kAuto of kOther.
[[nodiscard]] http::Dialect dialect_of(PromptCall call) noexcept;

}  // namespace outrigger::filters
