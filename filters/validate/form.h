// Which of the APIs whose answers can be looked into a request calls. Pure.
#pragma once

#include <cstdint>

#include "config/policies.h"
#include "proxy/http/dialect.h"
#include "proxy/http/message.h"

namespace outrigger::filters {

enum class Form : std::uint8_t {
  kNone,
  kChat,       // OpenAI's chat completions, and whoever speaks them
  kResponses,  // OpenAI's
  kAnthropic,  // messages
  kGemini,     // generateContent, and its streams
};

// By the route's dialect and the end of the path; kNone for whatever makes no answer of a model.
[[nodiscard]] Form form_of(config::Dialect dialect, const http::RequestHead& request) noexcept;

// The grammar of its event streams.
[[nodiscard]] http::Dialect dialect_of(Form form) noexcept;

}  // namespace outrigger::filters
