// What a request will take, from its body, and what it took, from its answer.
#include <gtest/gtest.h>

#include "filters/classify/usage.h"
#include "filters/rate_limit/estimate.h"

namespace outrigger::filters {
namespace {

struct Asked {
  std::string_view body;
  std::uint64_t most;
};

TEST(Estimate, FindsTheMostTokensOfAnAnswer) {
  const Asked table[] = {
      {R"({"model":"m","max_tokens":1024,"messages":[]})", 1024},
      {R"({"messages":[{"max_tokens":5}],"max_completion_tokens":77})", 77},
      {R"({"max_output_tokens":10,"max_tokens":20})", 20},
      {R"({"generationConfig":{"maxOutputTokens":333,"temperature":0}})", 333},
      {R"({"inferenceConfig":{"maxTokens":55}})", 55},
      {R"({"max_tokens":12,"messages":[{"content":"cut he)", 12},
      {R"({"messages":[{"content":"cut he)", 0},
      {R"({"max_tokens":"many"})", 0},
      {R"({"max_tokens":-5})", 0},
      {R"({"max_tokens":99999999999})", 10'000'000},
      {R"([1,2])", 0},
      {"", 0},
      {"\xff\xfe", 0},
  };
  for (const Asked& row : table) EXPECT_EQ(max_answer_tokens(row.body), row.most) << row.body;
}

struct Told {
  std::string_view answer;
  std::optional<TokenUsage> usage;
};

TEST(Usage, IsReadInTheWordsOfEachProvider) {
  const Told table[] = {
      // OpenAI chat, Responses and the last events of their streams
      {R"({"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}})", {{9, 12}}},
      {R"({"usage":{"input_tokens":9,"output_tokens":12,"total_tokens":21}})", {{9, 12}}},
      {R"({"type":"response.completed","response":{"usage":{"input_tokens":3,"output_tokens":4}}})",
       {{3, 4}}},
      {R"({"choices":[],"usage":null})", {}},
      // Anthropic
      {R"({"type":"message","usage":{"input_tokens":10,"cache_creation_input_tokens":5,)"
       R"("cache_read_input_tokens":100,"output_tokens":2}})",
       {{15, 2}}},
      {R"({"type":"message_start","message":{"usage":{"input_tokens":25,"output_tokens":1}}})",
       {{25, 1}}},
      // Gemini: thoughts are in the total
      {R"({"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":6,)"
       R"("thoughtsTokenCount":30,"totalTokenCount":40}})",
       {{4, 36}}},
      {R"([{"candidates":[]},{"usageMetadata":{"promptTokenCount":4,"totalTokenCount":7}}])",
       {{4, 3}}},
      // Bedrock
      {R"({"usage":{"inputTokens":30,"outputTokens":628,"totalTokens":658}})", {{30, 628}}},
      {R"({"amazon-bedrock-invocationMetrics":{"inputTokenCount":8,"outputTokenCount":9}})",
       {{8, 9}}},
      // Cohere
      {R"({"type":"message-end","delta":{"usage":{"tokens":{"input_tokens":7,"output_tokens":8}}}})",
       {{7, 8}}},
      // what is none
      {R"({"text":"the usage of usage: {\"prompt_tokens\":1}"})", {}},
      {R"({"usage":"much"})", {}},
      {R"({"usage":{"prompt_tokens":"9"}})", {}},
      {R"({"usage":{"prompt_tokens":9,"completion_)", {{9, 0}}},
      {R"([DONE])", {}},
      {"", {}},
  };
  for (const Told& row : table) {
    std::optional<TokenUsage> usage;
    read_usage(row.answer, usage);
    ASSERT_EQ(usage.has_value(), row.usage.has_value()) << row.answer;
    if (usage) {
      EXPECT_EQ(usage->input, row.usage->input) << row.answer;
      EXPECT_EQ(usage->output, row.usage->output) << row.answer;
    }
  }
}

TEST(Usage, OfAStreamIsThatOfItsLastEventNumberByNumber) {
  std::optional<TokenUsage> usage;
  read_usage(
      R"({"type":"message_start","message":{"usage":{"input_tokens":25,"output_tokens":1}}})",
      usage);
  read_usage(R"({"type":"content_block_delta","delta":{"text":"hi"}})", usage);
  read_usage(R"({"type":"message_delta","delta":{"stop_reason":"end_turn"},)"
             R"("usage":{"output_tokens":15}})",
             usage);
  ASSERT_TRUE(usage);
  EXPECT_EQ(*usage, (TokenUsage{25, 15}));
}

}  // namespace
}  // namespace outrigger::filters
