#include "filters/cache/prompt_call.h"

#include <gtest/gtest.h>

namespace outrigger::filters {
namespace {

using enum PromptCall;
using config::Dialect;

TEST(PromptCall, AdmitsTheCallsThatOnlyAnswer) {
  struct Row {
    std::string_view path;
    PromptCall wanted;
  };
  // Sources: the providers' API references.
  const Row rows[] = {
      {"/v1/chat/completions", kChat},
      {"/openai/deployments/gpt-4o/chat/completions", kChat},
      {"/api/v1/chat/completions", kChat},
      {"/v1/completions", kChat},
      {"/v1/fim/completions", kChat},
      {"/v1/responses", kResponses},
      {"/v1/responses/input_tokens", kNumbers},
      {"/v1/embeddings", kNumbers},
      {"/v1/moderations", kNumbers},
      {"/v1/messages", kAnthropic},
      {"/v1/messages/count_tokens", kNumbers},
      {"/v1/projects/p/locations/l/publishers/anthropic/models/claude:rawPredict", kAnthropic},
      {"/v1/projects/p/locations/l/publishers/anthropic/models/claude:streamRawPredict",
       kAnthropic},
      {"/v1beta/models/gemini-2.5-pro:generateContent", kGemini},
      {"/v1beta/models/gemini-2.5-pro:streamGenerateContent", kGemini},
      {"/v1beta/models/e:embedContent", kNumbers},
      {"/v1beta/models/e:batchEmbedContents", kNumbers},
      {"/v1beta/models/e:countTokens", kNumbers},
      {"/model/anthropic.claude-3/converse", kConverse},
      {"/model/anthropic.claude-3/converse-stream", kConverse},
      {"/model/anthropic.claude-3/invoke", kInvoke},
      {"/model/anthropic.claude-3/invoke-with-response-stream", kInvoke},
      {"/model/anthropic.claude-3/count-tokens", kNumbers},
      {"/v1/chat", kCohere},
      {"/v2/chat", kCohere},
      {"/v2/embed", kNumbers},
      {"/v2/rerank", kNumbers},
      {"/v1/classify", kNumbers},
      {"/v1/chat/classifications", kNumbers},
      {"/v1/tokenize", kNumbers},
      {"/v1/detokenize", kNumbers},
      {"/v1/models/g:computeTokens", kNumbers},
      {"/api/chat", kOllama},
      {"/api/generate", kOllama},
      {"/api/embed", kNumbers},
      // what creates or changes something
      {"/v1/threads/t_1/messages", kNone},
      {"/v1/threads/t_1/runs", kNone},
      {"/v1/assistants", kNone},
      {"/v1/files", kNone},
      {"/v1/batches", kNone},
      {"/v1/messages/batches", kNone},
      {"/v1/fine_tuning/jobs", kNone},
      {"/v1/images/generations", kNone},
      {"/v1/conversations", kNone},
      {"/v1/responses/resp_1/cancel", kNone},
      {"/v1/chat/completions/c_1", kNone},
      {"/v1/agents/completions", kNone},
      {"/v1beta/cachedContents", kNone},
      {"/v1beta/models/g:batchGenerateContent", kNone},
      {"/v1beta/models/veo:predictLongRunning", kNone},
      {"/model-invocation-job", kNone},
      {"/v1/converse", kNone},
      {"/hooks/invoke", kNone},
      {"/v1/embed-jobs", kNone},
      {"/api/pull", kNone},
      {"/api/create", kNone},
      {"/v1/chat/completions/", kNone},
      {"/", kNone},
      {"", kNone},
  };
  for (const Dialect dialect :
       {Dialect::kAuto, Dialect::kOpenai, Dialect::kAnthropic, Dialect::kGemini, Dialect::kBedrock,
        Dialect::kCohere, Dialect::kNdjson}) {
    for (const Row& row : rows) EXPECT_EQ(prompt_call(dialect, row.path), row.wanted) << row.path;
  }
}

TEST(PromptCall, LetsTheOperatorSpeakForUpstreamsThatAreNoModels) {
  for (const Dialect dialect : {Dialect::kNone, Dialect::kSse, Dialect::kJson}) {
    EXPECT_EQ(prompt_call(dialect, "/search"), kOther);
  }
}

}  // namespace
}  // namespace outrigger::filters
