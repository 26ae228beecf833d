#include "filters/validate/stream_answer.h"

#include <exception>
#include <vector>

#include "filters/json/json_text.h"
#include "filters/validate/stream_json.h"
#include "proxy/http/dialect_stream.h"

namespace outrigger::filters {
namespace {

// Calls `take` with the data of each event; false when the stream is not whole, or failed.
template <class Take>
bool for_each_event(Form form, std::string_view bytes, const Take& take) {
  http::DialectStream stream(dialect_of(form), http::StreamFraming::kSse);
  const auto give = [&](http::EventKind kind) {
    if (kind == http::EventKind::kError) return false;
    const std::string_view data = stream.data();
    return !data.starts_with('{') || take(data);
  };
  while (const auto kind = stream.next(bytes)) {
    if (!give(*kind)) return false;
  }
  const auto rest = stream.finish();
  if (rest == http::DialectStream::Rest::kMendable && !give(stream.kind())) return false;
  return rest != http::DialectStream::Rest::kHalf && stream.complete();
}

template <class Take>
bool for_each_element(std::string_view bytes, const Take& take) {
  bool good = true;
  JsonText(bytes).each([&](JsonText element) { good = good && take(element.text()); });
  return good;
}

template <class Assembler>
std::optional<std::string> assemble_with(Form form, Events events, std::string_view stream) {
  Assembler assembler;
  const auto take = [&](std::string_view data) {
    const StreamJson json = StreamJson::parse(data, nullptr, false);
    if (!json.is_object() || json.contains("error")) return false;
    assembler.take(json);
    return true;
  };
  const bool whole =
      events == Events::kSse ? for_each_event(form, stream, take) : for_each_element(stream, take);
  if (!whole) return std::nullopt;
  const StreamJson answer = assembler.finish();
  if (!answer.is_object()) return std::nullopt;
  return to_text(answer);
}

// The last event holds all of it.
std::optional<std::string> last_response(std::string_view stream) {
  std::optional<std::string> answer;
  const bool whole = for_each_event(Form::kResponses, stream, [&](std::string_view data) {
    const JsonText event(data);
    const JsonText type = event["type"];
    if (type.is("response.completed") || type.is("response.incomplete")) {
      if (event["response"].is_object()) answer = event["response"].text();
    }
    return true;
  });
  return whole ? answer : std::nullopt;
}

}  // namespace

std::optional<std::string> assemble(Form form, Events events, std::string_view stream) {
  try {
    switch (form) {
      case Form::kChat:
        return assemble_with<ChatAssembler>(form, events, stream);
      case Form::kResponses:
        return last_response(stream);
      case Form::kAnthropic:
        return assemble_with<AnthropicAssembler>(form, events, stream);
      case Form::kGemini:
        return assemble_with<GeminiAssembler>(form, events, stream);
      case Form::kNone:
        break;
    }
  } catch (const std::exception&) {  // an event is not what its dialect says
  }
  return std::nullopt;
}

std::optional<std::string> as_stream(Form form, Events events, std::string_view answer) {
  if (form == Form::kGemini) {  // one event says it all
    if (events == Events::kArray) return "[" + std::string(answer) + "]";
    StreamWriter out;
    const StreamJson json = StreamJson::parse(answer, nullptr, false);
    if (json.is_discarded()) return std::nullopt;
    out.add(json);
    return out.take();
  }
  try {
    StreamWriter out;
    const StreamJson json = StreamJson::parse(answer);
    if (form == Form::kChat) write_chat(json, out);
    if (form == Form::kResponses) write_responses(json, out);
    if (form == Form::kAnthropic) write_anthropic(json, out);
    return out.take();
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace outrigger::filters
