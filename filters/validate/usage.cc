#include "filters/validate/usage.h"

#include <span>

#include "filters/json/json_text.h"

namespace outrigger::filters {
namespace {

// The second is what the model wrote.
constexpr std::string_view kChat[] = {"prompt_tokens", "completion_tokens", "total_tokens"};
constexpr std::string_view kResponses[] = {"input_tokens", "output_tokens", "total_tokens"};
constexpr std::string_view kAnthropic[] = {
    "input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"};
constexpr std::string_view kGemini[] = {"promptTokenCount",        "candidatesTokenCount",
                                        "totalTokenCount",         "thoughtsTokenCount",
                                        "toolUsePromptTokenCount", "cachedContentTokenCount"};

std::span<const std::string_view> names_of(Form form) noexcept {
  switch (form) {
    case Form::kChat:
      return kChat;
    case Form::kResponses:
      return kResponses;
    case Form::kAnthropic:
      return kAnthropic;
    case Form::kGemini:
      return kGemini;
    case Form::kNone:
      break;
  }
  return {};
}

JsonText usage_in(Form form, std::string_view answer) noexcept {
  return JsonText(answer)[form == Form::kGemini ? "usageMetadata" : "usage"];
}

}  // namespace

void Usage::add(std::string_view answer) {
  const JsonText usage = usage_in(form_, answer);
  std::size_t i = 0;
  for (const std::string_view name : names_of(form_))
    sums_[i++] += usage[name].number().value_or(0);
}

std::string Usage::put_into(std::string answer) const {
  const JsonText usage = usage_in(form_, answer);
  JsonEdits edits(answer);
  std::size_t i = 0;
  for (const std::string_view name : names_of(form_)) {
    const std::uint64_t sum = sums_[i++];
    const JsonText value = usage[name];
    if (value.number() && *value.number() != sum) edits.replace(value, std::to_string(sum));
  }
  return edits.empty() ? std::move(answer) : edits.apply();
}

std::uint64_t Usage::written(Form form, std::string_view answer) {
  const auto names = names_of(form);
  if (names.size() > 1) {
    if (const auto said = usage_in(form, answer)[names[1]].number()) return *said;
  }
  return answer.size() / 4;
}

}  // namespace outrigger::filters
