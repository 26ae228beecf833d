#include "filters/cache/prompt_words.h"

#include <algorithm>

namespace outrigger::filters {
namespace {

using enum PromptBar;

struct Word {
  std::string_view name;
  PromptBar bar;
};

constexpr Word kParameters[] = {
    // OpenAI
    {"previous_response_id", kServerState},
    {"conversation", kServerState},
    {"background", kServerState},
    {"thread_id", kServerState},
    {"assistant_id", kServerState},
    {"web_search_options", kServerTool},
    // Azure, "on your data"
    {"data_sources", kServerState},
    {"dataSources", kServerState},
    // Anthropic
    {"container", kServerState},
    {"mcp_servers", kServerTool},
    // Gemini
    {"cachedContent", kServerState},
    {"cached_content", kServerState},
    // Cohere v1, Mistral, xAI, OpenRouter
    {"conversation_id", kServerState},
    {"connectors", kServerTool},
    {"agent_id", kServerState},
    {"search_parameters", kServerTool},
    {"plugins", kServerTool},
};

constexpr Word kMembers[] = {
    {"file_id", kFile},
    {"file_ids", kFile},
    {"fileUri", kFile},
    {"file_uri", kFile},
    {"s3Location", kFile},
    {"gcsUri", kFile},
    {"gcs_uri", kFile},
    {"vector_store_id", kFile},
    {"vector_store_ids", kFile},
    {"tool_calls", kToolCalls},
    {"tool_call_id", kToolCalls},
    {"tool_results", kToolCalls},
    {"function_call", kToolCalls},
    {"function_response", kToolCalls},
    {"functionCall", kToolCalls},
    {"functionResponse", kToolCalls},
    {"toolUse", kToolCalls},
    {"toolResult", kToolCalls},
};

// An object in the member `around` that names what the provider keeps: a stored prompt, an earlier
// answer's sound.
constexpr std::string_view kKept[] = {"prompt", "audio"};

constexpr std::string_view kToolTypes[] = {"tool_use", "server_tool_use", "tool_result"};
constexpr std::string_view kToolTypeEndings[] = {"_call", "_call_output", "_tool_result"};

constexpr std::string_view kPlaces[] = {"url", "uri", "image", "images", "video", "videos"};
constexpr std::string_view kPlaceEndings[] = {"_url", "_uri", "_urls", "Url", "Uri"};

constexpr std::string_view kMadeUp[] = {"schema",
                                        "json_schema",
                                        "input_schema",
                                        "inputSchema",
                                        "parameters",
                                        "parameter_definitions",
                                        "responseSchema",
                                        "response_schema",
                                        "responseJsonSchema",
                                        "response_json_schema",
                                        "outputSchema",
                                        "metadata",
                                        "requestMetadata",
                                        "labels",
                                        "arguments",
                                        "args",
                                        "promptVariables",
                                        "logit_bias",
                                        "response",
                                        "data"};

template <std::size_t n>
bool among(const std::string_view (&words)[n], std::string_view word) noexcept {
  return std::ranges::find(words, word) != std::end(words);
}

template <std::size_t n>
bool ends_in_one(const std::string_view (&endings)[n], std::string_view word) noexcept {
  return std::ranges::any_of(endings, [&](std::string_view end) { return word.ends_with(end); });
}

template <std::size_t n>
std::optional<PromptBar> find(const Word (&words)[n], std::string_view name) noexcept {
  const Word* const found = std::ranges::find(words, name, &Word::name);
  return found == std::end(words) ? std::nullopt : std::optional(found->bar);
}

std::optional<PromptBar> bar_of_type(std::string_view type) noexcept {
  if (type == "item_reference") return kServerState;
  if (type.starts_with("mcp_")) return kServerTool;
  const bool tool = among(kToolTypes, type) || ends_in_one(kToolTypeEndings, type);
  return tool ? std::optional(kToolCalls) : std::nullopt;
}

bool is_place(std::string_view name) noexcept {
  return among(kPlaces, name) || ends_in_one(kPlaceEndings, name);
}

// data: has no authority; whatever has one is somewhere else.
bool is_elsewhere(std::string_view text) noexcept {
  constexpr std::size_t kLongestScheme = 24;
  return text.substr(0, kLongestScheme).contains("://");
}

}  // namespace

std::optional<PromptBar> bar_of_parameter(std::string_view name) noexcept {
  return find(kParameters, name);
}

std::optional<PromptBar> bar_of_member(std::string_view around, std::string_view name) noexcept {
  if (name == "id" && among(kKept, around)) return kServerState;
  return find(kMembers, name);
}

bool is_telling(std::string_view name) noexcept {
  return name == "type" || name == "role" || is_place(name);
}

std::optional<PromptBar> bar_of_text(std::string_view name, std::string_view text) noexcept {
  if (name == "type") return bar_of_type(text);
  if (name == "role") {
    const bool tool = text == "tool" || text == "TOOL" || text == "function";
    return tool ? std::optional(kToolCalls) : std::nullopt;
  }
  return is_place(name) && is_elsewhere(text) ? std::optional(kUrl) : std::nullopt;
}

bool is_made_up(Within within, std::string_view name) noexcept {
  // Of a call of a tool; the request's own `input` is the prompt of Responses.
  if (name == "input") return within == Within::kBelow;
  return among(kMadeUp, name);
}

bool is_client_tool(std::string_view type) noexcept {
  return type == "function" || type == "custom" || type.starts_with("bash_") ||
         type.starts_with("text_editor_") || type.starts_with("memory_");
}

bool declares_client_tool(std::string_view name) noexcept {
  constexpr std::string_view kNames[] = {"functionDeclarations", "function_declarations",
                                         "toolSpec", "cachePoint"};
  return among(kNames, name);
}

}  // namespace outrigger::filters
