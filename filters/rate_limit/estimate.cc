#include "filters/rate_limit/estimate.h"

#include <algorithm>

#include "proxy/base/json_cursor.h"

namespace outrigger::filters {
namespace {

constexpr std::uint64_t kMost = 10'000'000;  // no model writes as much

bool names_most(std::string_view key) noexcept {
  return key == "max_tokens" || key == "max_completion_tokens" || key == "max_output_tokens" ||
         key == "maxOutputTokens" || key == "maxTokens" || key == "max_tokens_to_sample";
}

bool names_block(std::string_view key) noexcept {
  return key == "generationConfig" || key == "inferenceConfig" || key == "generation_config";
}

}  // namespace

std::uint64_t max_answer_tokens(std::string_view prefix) noexcept {
  std::uint64_t most = 0;
  JsonCursor in(prefix);
  const auto read = [&](std::string_view key) {
    if (names_most(key)) {
      most = std::max(most, std::min(in.number().value_or(0), kMost));
    } else {
      in.skip();
    }
  };
  in.members([&](std::string_view key) {
    if (names_block(key)) {
      in.members(read);
    } else {
      read(key);
    }
  });
  return most;
}

}  // namespace outrigger::filters
