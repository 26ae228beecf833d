// Gemini, Cohere and Ollama.
#include "proxy/mock/answers.h"

namespace outrigger::mock {
namespace {

Json gemini_candidate(const Call& call, const std::string& text, Json finish_reason,
                      const std::string& id) {
  Json candidate = {{"content", {{"parts", Json::array({{{"text", text}}})}, {"role", "model"}}}};
  if (!finish_reason.is_null()) candidate["finishReason"] = std::move(finish_reason);
  candidate["index"] = 0;
  return {
      {"candidates", Json::array({candidate})}, {"modelVersion", call.model}, {"responseId", id}};
}

Json gemini_usage(const Call& call, const Words& words) {
  return {{"promptTokenCount", call.prompt_tokens},
          {"candidatesTokenCount", words.size()},
          {"totalTokenCount", call.prompt_tokens + words.size()}};
}

// Events of either streamed form: blocks of an event stream, or elements of an array.
void add_gemini(Answer& answer, const Call& call, Role role, const Json& json) {
  if (call.form == Form::kSse) {
    answer.events.push_back({role, "data: " + dump(json) + "\r\n\r\n"});
    return;
  }
  const bool first = answer.events.empty();
  answer.events.push_back({role, (first ? "[" : ",\r\n") + dump(json)});
}

Answer gemini_stream(const Call& call, const Words& words, const std::string& id) {
  Answer answer = stream_answer(call.form == Form::kSse ? "text/event-stream"
                                                        : "application/json; charset=UTF-8");
  for (const std::string& word : words)
    add_gemini(answer, call, Role::kContent, gemini_candidate(call, word, nullptr, id));
  Json last = gemini_candidate(call, "", "STOP", id);
  last["usageMetadata"] = gemini_usage(call, words);
  add_gemini(answer, call, Role::kTerminator, last);
  if (call.form == Form::kArray) answer.events.push_back({Role::kTerminator, "]"});
  return answer;
}

Json cohere_usage(const Call& call, const Words& words) {
  const Json tokens = {{"input_tokens", call.prompt_tokens}, {"output_tokens", words.size()}};
  return {{"billed_units", tokens}, {"tokens", tokens}};
}

Answer cohere_stream(const Call& call, const Words& words, const std::string& id) {
  Answer answer = stream_answer("text/event-stream");
  const auto add = [&](Role role, std::string_view type, const Json& members) {
    Json json = {{"type", type}};
    json.update(members);
    answer.events.push_back(sse(role, type, json));
  };
  const auto text = [](const std::string& part) -> Json {
    return {{"index", 0}, {"delta", {{"message", {{"content", {{"text", part}}}}}}}};
  };
  add(Role::kPreamble, "message-start",
      {{"id", id}, {"delta", {{"message", {{"role", "assistant"}, {"content", Json::array()}}}}}});
  add(Role::kPreamble, "content-start",
      {{"index", 0}, {"delta", {{"message", {{"content", {{"type", "text"}, {"text", ""}}}}}}}});
  for (const std::string& word : words) add(Role::kContent, "content-delta", text(word));
  add(Role::kClosing, "content-end", {{"index", 0}});
  add(Role::kTerminator, "message-end",
      {{"delta", {{"finish_reason", "COMPLETE"}, {"usage", cohere_usage(call, words)}}}});
  return answer;
}

Json ollama_line(const Call& call, const std::string& text, bool done, Identity& identity) {
  return {{"model", call.model},
          {"created_at", rfc3339(identity.seconds())},
          {"message", {{"role", "assistant"}, {"content", text}}},
          {"done", done}};
}

Json ollama_last(const Call& call, const std::string& text, const Words& words,
                 Identity& identity) {
  Json last = ollama_line(call, text, true, identity);
  last["done_reason"] = "stop";
  last["total_duration"] = 12'000'000;
  last["prompt_eval_count"] = call.prompt_tokens;
  last["eval_count"] = words.size();
  return last;
}

}  // namespace

Answer gemini_content(const Call& call, const Words& words, Identity& identity) {
  const std::string id = identity.make("", 22);
  if (call.form != Form::kWhole) return gemini_stream(call, words, id);
  Json body = gemini_candidate(call, joined(words), "STOP", id);
  body["usageMetadata"] = gemini_usage(call, words);
  return whole_answer(body);
}

Answer cohere_chat(const Call& call, const Words& words, Identity& identity) {
  const std::string id = identity.uuid();
  if (call.form == Form::kSse) return cohere_stream(call, words, id);
  const Json content = Json::array({{{"type", "text"}, {"text", joined(words)}}});
  return whole_answer({{"id", id},
                       {"finish_reason", "COMPLETE"},
                       {"message", {{"role", "assistant"}, {"content", content}}},
                       {"usage", cohere_usage(call, words)}});
}

Answer ollama_chat(const Call& call, const Words& words, Identity& identity) {
  if (call.form == Form::kWhole)
    return whole_answer(ollama_last(call, joined(words), words, identity));
  Answer answer = stream_answer("application/x-ndjson");
  for (const std::string& word : words) {
    answer.events.push_back(
        {Role::kContent, dump(ollama_line(call, word, false, identity)) + "\n"});
  }
  answer.events.push_back({Role::kTerminator, dump(ollama_last(call, "", words, identity)) + "\n"});
  return answer;
}

}  // namespace outrigger::mock
