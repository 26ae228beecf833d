#include "filters/validate/form.h"

#include <string_view>

namespace outrigger::filters {
namespace {

bool admits(config::Dialect dialect, config::Dialect own) noexcept {
  return dialect == own || dialect == config::Dialect::kAuto;
}

}  // namespace

Form form_of(config::Dialect dialect, const http::RequestHead& request) noexcept {
  using enum config::Dialect;
  if (request.method != http::Method::kPost) return Form::kNone;
  const std::string_view path = request.path();
  if (admits(dialect, kOpenai)) {
    if (path.ends_with("/chat/completions")) return Form::kChat;
    if (path.ends_with("/responses")) return Form::kResponses;
  }
  if (admits(dialect, kAnthropic) && path.ends_with("/messages")) return Form::kAnthropic;
  const bool generates =
      path.ends_with(":generateContent") || path.ends_with(":streamGenerateContent");
  return admits(dialect, kGemini) && generates ? Form::kGemini : Form::kNone;
}

http::Dialect dialect_of(Form form) noexcept {
  switch (form) {
    case Form::kChat:
      return http::Dialect::kChat;
    case Form::kResponses:
      return http::Dialect::kResponses;
    case Form::kAnthropic:
      return http::Dialect::kAnthropic;
    case Form::kGemini:
      return http::Dialect::kGemini;
    case Form::kNone:
      break;
  }
  return http::Dialect::kAuto;
}

}  // namespace outrigger::filters
