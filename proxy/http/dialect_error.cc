#include "proxy/http/dialect_error.h"

#include "proxy/base/json_writer.h"
#include "proxy/http/event_stream_frames.h"

namespace outrigger::http {
namespace {

constexpr std::string_view kProblemType = "urn:outrigger:error:";

// {"message","type","code","param"}: the members that OpenAI's libraries read.
void write_openai(JsonWriter& json, std::string_view code, std::string_view message) {
  json.key("error");
  json.begin_object();
  json.member("message", message);
  json.member("type", "server_error");
  json.member("code", code);
  json.key("param");
  json.null();
  json.end_object();
}

// Flat, as the API documents it, and nested: iteration over events raises on the nested form only.
void write_responses(JsonWriter& json, std::string_view code, std::string_view message,
                     std::uint64_t sequence) {
  json.member("type", "error");
  json.member("code", code);
  json.member("message", message);
  json.key("param");
  json.null();
  json.member("sequence_number", sequence);
  write_openai(json, code, message);
}

void write_anthropic(JsonWriter& json, std::string_view code, std::string_view message) {
  json.member("type", "error");
  json.key("error");
  json.begin_object();
  json.member("type", "api_error");
  json.member("message", message);
  json.member("code", code);
  json.end_object();
}

// The code must be a number from 400 to 599: @google/genai swallows anything else.
void write_gemini(JsonWriter& json, std::string_view message) {
  json.key("error");
  json.begin_object();
  json.member("code", 502);
  json.member("status", "UNAVAILABLE");
  json.member("message", message);
  json.end_object();
}

void write_problem(JsonWriter& json, std::string_view code, std::string_view message) {
  json.member("type", std::string(kProblemType).append(code));
  json.member("detail", message);
  write_openai(json, code, message);
}

}  // namespace

std::string error_event(Dialect dialect, std::string_view code, std::string_view message,
                        std::uint64_t sequence) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  std::string_view name;
  switch (dialect) {
    case Dialect::kOpenai:
    case Dialect::kChat:
      write_openai(json, code, message);
      break;
    case Dialect::kResponses:
      name = "error";
      write_responses(json, code, message, sequence);
      break;
    case Dialect::kAnthropic:
      name = "error";
      write_anthropic(json, code, message);
      break;
    case Dialect::kGemini:
      write_gemini(json, message);
      break;
    case Dialect::kNdjson:  // Ollama's clients raise on a text
      json.member("error", message);
      json.member("code", code);
      break;
    case Dialect::kBedrock:
      json.member("message", message);
      json.member("originalStatusCode", 502);
      json.member("originalMessage", code);
      break;
    case Dialect::kAuto:
    case Dialect::kCohere:
    case Dialect::kSse:
      name = "error";
      write_problem(json, code, message);
      break;
  }
  json.end_object();
  if (dialect == Dialect::kBedrock) return exception_frame("modelStreamErrorException", text);
  if (dialect == Dialect::kNdjson) return text + '\n';
  std::string out;
  if (!name.empty()) out.append("event: ").append(name) += '\n';
  return out.append("data: ").append(text).append("\n\n");
}

}  // namespace outrigger::http
