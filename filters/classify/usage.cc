#include "filters/classify/usage.h"

#include <algorithm>
#include <array>
#include <span>

#include "proxy/base/json_cursor.h"

namespace outrigger::filters {
namespace {

using Names = std::span<const std::string_view>;

constexpr std::array<std::string_view, 5> kInput = {"prompt_tokens", "input_tokens", "inputTokens",
                                                    "promptTokenCount", "inputTokenCount"};
constexpr std::array<std::string_view, 5> kOutput = {"completion_tokens", "output_tokens",
                                                     "outputTokens", "candidatesTokenCount",
                                                     "outputTokenCount"};
constexpr std::array<std::string_view, 3> kTotal = {"total_tokens", "totalTokens",
                                                    "totalTokenCount"};
// What counts for the prompt but stands beside it.
constexpr std::array<std::string_view, 2> kMoreInput = {"cache_creation_input_tokens",
                                                        "cacheWriteInputTokens"};
// The members that hold the numbers, and those that hold one of these.
constexpr std::array<std::string_view, 3> kUsage = {"usage", "usageMetadata",
                                                    "amazon-bedrock-invocationMetrics"};
constexpr std::array<std::string_view, 5> kAround = {"response", "message", "delta", "metadata",
                                                     "meta"};
// Beside the answer itself.
constexpr std::string_view kOllama[] = {"prompt_eval_count", "eval_count"};
constexpr std::string_view kCohere[] = {"tokens", "billed_units"};

bool among(Names names, std::string_view key) noexcept {
  return std::ranges::find(names, key) != names.end();
}

struct Numbers {
  std::optional<std::uint64_t> input, output, total;
  std::uint64_t more_input = 0;
};

void read_numbers(JsonCursor& in, Numbers& numbers) {
  in.members([&](std::string_view key) {
    if (among(kInput, key)) {
      numbers.input = in.number();
    } else if (among(kOutput, key)) {
      numbers.output = in.number();
    } else if (among(kTotal, key)) {
      numbers.total = in.number();
    } else if (among(kMoreInput, key)) {
      numbers.more_input += in.number().value_or(0);
    } else if (among(kCohere, key)) {
      read_numbers(in, numbers);
    } else {
      in.skip();
    }
  });
}

// Gemini counts its thoughts in the total alone.
void take_over(const Numbers& numbers, std::optional<TokenUsage>& usage) {
  if (!numbers.input && !numbers.output && !numbers.total) return;
  TokenUsage now = usage.value_or(TokenUsage{});
  if (numbers.input) now.input = *numbers.input + numbers.more_input;
  if (numbers.output) now.output = *numbers.output;
  if (numbers.total && *numbers.total > now.input) now.output = *numbers.total - now.input;
  usage = now;
}

void read_members(JsonCursor& in, int depth, std::optional<TokenUsage>& usage) {
  in.members([&](std::string_view key) {
    if (among(kUsage, key)) {
      Numbers numbers;
      read_numbers(in, numbers);
      take_over(numbers, usage);
    } else if (among(kOllama, key)) {
      if (const auto number = in.number()) {
        if (!usage) usage.emplace();
        (key == kOllama[0] ? usage->input : usage->output) = *number;
      }
    } else if (depth > 0 && among(kAround, key)) {
      read_members(in, depth - 1, usage);
    } else {
      in.skip();
    }
  });
}

}  // namespace

void read_usage(std::string_view json, std::optional<TokenUsage>& usage) {
  // Most events have none: found out without reading them.
  if (!json.contains("usage") && !json.contains("okenCount") && !json.contains("tokens") &&
      !json.contains("eval_count")) {
    return;
  }
  JsonCursor in(json);
  if (in.peek() != '[') return read_members(in, 2, usage);
  in.elements([&] { read_members(in, 2, usage); });  // Gemini, without alt=sse
}

}  // namespace outrigger::filters
