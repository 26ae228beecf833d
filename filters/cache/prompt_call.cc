#include "filters/cache/prompt_call.h"

#include <algorithm>

namespace outrigger::filters {
namespace {

using enum PromptCall;

struct Ending {
  std::string_view text;
  PromptCall call;
};

// How the paths of calls end; the first that fits. /v1/images, files, batches, fine-tuning,
// assistants, conversations, videos and their like are missing on purpose: they create things.
constexpr Ending kEndings[] = {
    {"/agents/completions", kNone},  // Mistral: what the agent is may change
    {"/chat/completions", kChat},
    {"/completions", kChat},  // and /fim/completions
    {"/responses", kResponses},
    {"/responses/input_tokens", kNumbers},
    {"/embeddings", kNumbers},
    {"/moderations", kNumbers},
    {"/classifications", kNumbers},
    {"/v1/messages", kAnthropic},
    {"/messages/count_tokens", kNumbers},
    {":rawPredict", kAnthropic},
    {":streamRawPredict", kAnthropic},
    {":generateContent", kGemini},
    {":streamGenerateContent", kGemini},
    {":embedContent", kNumbers},
    {":batchEmbedContents", kNumbers},
    {":countTokens", kNumbers},
    {":computeTokens", kNumbers},
    {"/v1/chat", kCohere},
    {"/v2/chat", kCohere},
    {"/embed", kNumbers},
    {"/rerank", kNumbers},
    {"/classify", kNumbers},
    {"/tokenize", kNumbers},
    {"/detokenize", kNumbers},
    {"/api/chat", kOllama},
    {"/api/generate", kOllama},
};
constexpr Ending kBedrockEndings[] = {
    {"/converse", kConverse},    {"/converse-stream", kConverse},
    {"/invoke", kInvoke},        {"/invoke-with-response-stream", kInvoke},
    {"/count-tokens", kNumbers},
};

template <std::size_t n>
PromptCall find(const Ending (&endings)[n], std::string_view path) noexcept {
  const auto found = std::ranges::find_if(
      endings, [&](const Ending& ending) { return path.ends_with(ending.text); });
  return found == std::end(endings) ? kNone : found->call;
}

}  // namespace

PromptCall prompt_call(config::Dialect dialect, std::string_view path) noexcept {
  switch (dialect) {
    case config::Dialect::kNone:
    case config::Dialect::kSse:
    case config::Dialect::kJson:
      return kOther;
    default:
      break;
  }
  const bool bedrock = path.contains("/model/");
  const PromptCall call = bedrock ? find(kBedrockEndings, path) : kNone;
  return call == kNone ? find(kEndings, path) : call;
}

http::Dialect dialect_of(PromptCall call) noexcept {
  switch (call) {
    case kChat:
      return http::Dialect::kChat;
    case kResponses:
      return http::Dialect::kResponses;
    case kAnthropic:
      return http::Dialect::kAnthropic;
    case kGemini:
      return http::Dialect::kGemini;
    case kCohere:
      return http::Dialect::kCohere;
    case kConverse:
    case kInvoke:
      return http::Dialect::kBedrock;
    case kOllama:
      return http::Dialect::kNdjson;
    case kNone:
    case kNumbers:
    case kOther:
      break;
  }
  return http::Dialect::kAuto;
}

}  // namespace outrigger::filters
