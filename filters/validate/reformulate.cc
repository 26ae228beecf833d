#include "filters/validate/reformulate.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include <fmt/format.h>

#include "filters/json/json_text.h"
#include "proxy/base/json_checker.h"

namespace outrigger::filters {
namespace {

using namespace std::string_view_literals;
using Outcome = std::optional<Reformulated>;

struct Call {
  std::string_view request;
  std::string code, param, message;  // of the error, as far as it has them
};

// Tuning that an answer can do without. All else says what is asked, and how it is answered.
bool may_go(std::string_view param) noexcept {
  constexpr std::array kTuning = {"temperature"sv,
                                  "top_p"sv,
                                  "top_k"sv,
                                  "presence_penalty"sv,
                                  "frequency_penalty"sv,
                                  "logit_bias"sv,
                                  "logprobs"sv,
                                  "top_logprobs"sv,
                                  "seed"sv,
                                  "reasoning_effort"sv,
                                  "reasoning"sv,
                                  "verbosity"sv,
                                  "parallel_tool_calls"sv,
                                  "service_tier"sv,
                                  "metadata"sv,
                                  "user"sv,
                                  "store"sv,
                                  "prompt_cache_key"sv,
                                  "safety_identifier"sv,
                                  "prediction"sv};
  return std::ranges::find(kTuning, param) != kTuning.end();
}

// What stands between two marks.
std::string_view between(std::string_view text, std::string_view before,
                         std::string_view after) noexcept {
  const std::size_t found = text.find(before);
  if (found == std::string_view::npos) return {};
  text.remove_prefix(found + before.size());
  return text.substr(0, std::min(text.find(after), text.size()));
}

std::uint64_t number_at(std::string_view text) noexcept {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::uint64_t number_behind(std::string_view text, std::string_view mark) noexcept {
  const std::size_t found = text.find(mark);
  return found == std::string_view::npos ? 0 : number_at(text.substr(found + mark.size()));
}

// The object that a dotted parameter stands in, and its last name.
struct Place {
  JsonText object;
  std::string_view name;
};

Place find(std::string_view request, std::string_view param) {
  Place place{JsonText(request), param};
  for (std::size_t dot = place.name.find('.'); dot != std::string_view::npos;
       dot = place.name.find('.')) {
    place.object = place.object[place.name.substr(0, dot)];
    place.name.remove_prefix(dot + 1);
  }
  return place;
}

std::string pointer_of(std::string_view param) {
  std::string pointer = "/" + std::string(param);
  std::ranges::replace(pointer, '.', '/');
  return pointer;
}

bool is_plain(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.';
}

Outcome remove(const Call& call, std::string_view param) {
  if (param.size() > 100 || !std::ranges::all_of(param, is_plain)) return std::nullopt;
  if (!may_go(param.substr(0, param.find('.')))) return std::nullopt;
  const Place place = find(call.request, param);
  if (!place.object[place.name].there()) return std::nullopt;
  JsonEdits edits(call.request);
  edits.remove(place.object, place.name);
  return Reformulated{edits.apply(), "removed=" + pointer_of(param)};
}

Outcome lower(const Call& call, std::string_view param, std::uint64_t limit) {
  const Place place = find(call.request, param);
  const JsonText value = place.object[place.name];
  if (limit == 0 || !value.number() || *value.number() <= limit) return std::nullopt;
  JsonEdits edits(call.request);
  edits.replace(value, std::to_string(limit));
  return Reformulated{edits.apply(), "lowered=" + pointer_of(param)};
}

// "Unsupported parameter: 'max_tokens' is not supported with this model. Use
// 'max_completion_tokens' instead."
Outcome rename_limit(const Call& call) {
  if (call.param != "max_tokens" || !call.message.contains("'max_completion_tokens'")) {
    return std::nullopt;
  }
  const JsonText request(call.request);
  if (!request["max_tokens"].there() || request["max_completion_tokens"].there()) {
    return std::nullopt;
  }
  JsonEdits edits(call.request);
  edits.rename(request, "max_tokens", "max_completion_tokens");
  return Reformulated{edits.apply(), "renamed=/max_tokens"};
}

Outcome remove_unsupported(const Call& call) {
  if (call.code != "unsupported_parameter" && call.code != "unsupported_value" &&
      call.code != "unknown_parameter") {
    return std::nullopt;
  }
  return remove(call, call.param);
}

// "max_tokens is too large: 100000. This model supports at most 16384 completion tokens, …"
Outcome lower_openai(const Call& call) {
  if (!call.message.contains("too large")) return std::nullopt;
  const std::uint64_t limit = number_behind(call.message, "supports at most ");
  for (const std::string_view name : {"max_tokens", "max_completion_tokens", "max_output_tokens"}) {
    if (!call.param.empty() && call.param != name) continue;
    if (Outcome lowered = lower(call, name, limit)) return lowered;
  }
  return std::nullopt;
}

// "max_tokens: 200000 > 64000, which is the maximum allowed number of output tokens for …"
Outcome lower_anthropic(const Call& call) {
  if (!call.message.starts_with("max_tokens: ")) return std::nullopt;
  return lower(call, "max_tokens", number_behind(call.message, " > "));
}

// "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
Outcome keep_one_sampling(const Call& call) {
  if (!call.message.contains("`temperature`") || !call.message.contains("`top_p`") ||
      !call.message.contains("both")) {
    return std::nullopt;
  }
  return JsonText(call.request)["temperature"].there() ? remove(call, "top_p") : std::nullopt;
}

// "temperature: Extra inputs are not permitted"; "`temperature` is deprecated for this model."
Outcome remove_refused(const Call& call) {
  const std::string_view message = call.message;
  constexpr std::string_view kExtra = ": Extra inputs are not permitted";
  if (const std::size_t at = message.find(kExtra); at != std::string_view::npos) {
    return remove(call, message.substr(0, at));
  }
  if (message.contains("` is deprecated for this model") ||
      message.contains("` is not supported for this model")) {
    return remove(call, between(message, "`", "`"));
  }
  return std::nullopt;
}

// "… has a maxOutputTokens value of 70000 but the supported range is from 1 (inclusive) to 65537
// (exclusive)."
Outcome lower_gemini(const Call& call) {
  if (!call.message.contains("maxOutputTokens")) return std::nullopt;
  const std::string_view range = between(call.message, "supported range is from ", ".");
  const std::uint64_t end = number_behind(range, " to ");
  const bool exclusive = range.contains("(exclusive)");
  const std::uint64_t limit = exclusive && end > 0 ? end - 1 : end;
  for (const std::string_view name :
       {"generationConfig.maxOutputTokens", "generation_config.max_output_tokens"}) {
    if (Outcome lowered = lower(call, name, limit)) return lowered;
  }
  return std::nullopt;
}

struct Rule {
  Form form;
  Outcome (*apply)(const Call& call);
};

constexpr Rule kRules[] = {
    {Form::kChat, rename_limit},
    {Form::kChat, lower_openai},
    {Form::kChat, remove_unsupported},
    {Form::kResponses, lower_openai},
    {Form::kResponses, remove_unsupported},
    {Form::kAnthropic, lower_anthropic},
    {Form::kAnthropic, keep_one_sampling},
    {Form::kAnthropic, remove_refused},
    {Form::kGemini, lower_gemini},
};

}  // namespace

std::optional<Reformulated> reformulate(Form form, std::string_view request,
                                        std::string_view error) {
  if (form == Form::kNone || !is_json(request) || !is_json(error)) return std::nullopt;
  JsonText said(error);
  if (said.is_array()) {  // Gemini's, of a stream that never began
    JsonText first;
    said.each([&](JsonText each) {
      if (!first.there()) first = each;
    });
    said = first;
  }
  said = said["error"];
  Call call{request, said["code"].string().value_or(""), said["param"].string().value_or(""),
            said["message"].string().value_or("")};
  for (const Rule& rule : kRules) {
    if (rule.form != form) continue;
    if (Outcome done = rule.apply(call)) return done;
  }
  return std::nullopt;
}

}  // namespace outrigger::filters
