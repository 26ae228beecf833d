// Which provider's call a request is, and what the answer to it depends on. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/mock/json.h"

namespace outrigger::mock {

enum class Dialect : std::uint8_t {
  kOpenAiChat,  // and whoever speaks it: Azure, Mistral, OpenRouter, Groq, vLLM
  kOpenAiResponses,
  kOpenAiEmbeddings,
  kOpenAiModels,
  kAnthropic,
  kGemini,
  kBedrockConverse,
  kBedrockInvoke,
  kCohere,
  kOllama,
  kStripe,
  kSalesforce,
  kSlack,
  kGitHub,
  kHubSpot,
  kEcho,  // anything else
};
std::string_view to_string(Dialect dialect) noexcept;

// How the answer comes.
enum class Form : std::uint8_t { kWhole, kSse, kArray, kFrames, kLines };

struct Call {
  Dialect dialect = Dialect::kEcho;
  Form form = Form::kWhole;
  std::string method, path;  // without the query
  std::string model;
  Json body;                  // null when it is not JSON
  std::uint32_t choices = 1;  // OpenAI's `n`
  std::uint32_t inputs = 1;   // texts to embed
  std::uint64_t prompt_tokens = 1;
  bool include_usage = false;
};

// By the end of the path, so that it may follow any base path; `query` without its '?'.
Call read_call(std::string_view method, std::string_view path, std::string_view query,
               std::string_view body);

// The decoded value of `name` in a query; empty when there is none. A '%' that begins no escape
// stands for itself, so that `mock=truncate=50%` reads as written.
std::string query_value(std::string_view query, std::string_view name);

}  // namespace outrigger::mock
