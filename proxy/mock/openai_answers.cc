// OpenAI's chat completions, responses, embeddings and models.
#include <vector>

#include "proxy/mock/answers.h"
#include "proxy/mock/checksum.h"

namespace outrigger::mock {
namespace {

Json chat_usage(const Call& call, const Words& words) {
  const std::uint64_t out = words.size() * call.choices;
  return {{"prompt_tokens", call.prompt_tokens},
          {"completion_tokens", out},
          {"total_tokens", call.prompt_tokens + out}};
}

void add_request_id(Answer& answer, Identity& identity) {
  answer.headers.emplace_back("x-request-id", identity.make("req_"));
  answer.headers.emplace_back("openai-processing-ms", "12");
}

// One event of a chat stream, for one choice.
struct ChatChunks {
  const Call& call;
  std::string id;
  std::int64_t created;

  [[nodiscard]] Json chunk(Json choices) const {
    Json json = {{"id", id},
                 {"object", "chat.completion.chunk"},
                 {"created", created},
                 {"model", call.model},
                 {"choices", std::move(choices)}};
    if (call.include_usage) json["usage"] = nullptr;
    return json;
  }
  [[nodiscard]] Json of(std::uint32_t choice, Json delta, Json finish_reason = nullptr) const {
    return chunk(Json::array({{{"index", choice},
                               {"delta", std::move(delta)},
                               {"finish_reason", std::move(finish_reason)}}}));
  }
};

Answer chat_stream(const Call& call, const Words& words, Identity& identity) {
  Answer answer = stream_answer(kEventStream);
  const ChatChunks chunks{call, identity.make("chatcmpl-"), identity.seconds()};
  for (std::uint32_t i = 0; i < call.choices; ++i) {
    answer.events.push_back(
        sse(Role::kPreamble, chunks.of(i, {{"role", "assistant"}, {"content", ""}})));
  }
  for (const std::string& word : words) {
    for (std::uint32_t i = 0; i < call.choices; ++i)
      answer.events.push_back(sse(Role::kContent, chunks.of(i, {{"content", word}})));
  }
  for (std::uint32_t i = 0; i < call.choices; ++i)
    answer.events.push_back(sse(Role::kTerminator, chunks.of(i, Json::object(), "stop")));
  if (call.include_usage) {
    Json usage = chunks.chunk(Json::array());
    usage["usage"] = chat_usage(call, words);
    answer.events.push_back(sse(Role::kTerminator, usage));
  }
  answer.events.push_back({Role::kDone, "data: [DONE]\n\n"});
  return answer;
}

Answer chat_whole(const Call& call, const Words& words, Identity& identity) {
  Json choices = Json::array();
  for (std::uint32_t i = 0; i < call.choices; ++i) {
    choices.push_back(
        {{"index", i},
         {"message", {{"role", "assistant"}, {"content", joined(words)}, {"refusal", nullptr}}},
         {"logprobs", nullptr},
         {"finish_reason", "stop"}});
  }
  return whole_answer({{"id", identity.make("chatcmpl-")},
                       {"object", "chat.completion"},
                       {"created", identity.seconds()},
                       {"model", call.model},
                       {"choices", choices},
                       {"usage", chat_usage(call, words)}});
}

// The parts of a response that its events show again and again.
struct ResponseParts {
  const Call& call;
  const Words& words;
  std::string response_id, item_id;
  std::int64_t created;

  [[nodiscard]] Json part(const std::string& text) const {
    return {{"type", "output_text"}, {"text", text}, {"annotations", Json::array()}};
  }
  [[nodiscard]] Json item(std::string_view status, Json content) const {
    return {{"id", item_id},
            {"type", "message"},
            {"status", status},
            {"role", "assistant"},
            {"content", std::move(content)}};
  }
  [[nodiscard]] Json response(std::string_view status, Json output) const {
    Json json = {{"id", response_id},
                 {"object", "response"},
                 {"created_at", created},
                 {"status", status},
                 {"error", nullptr},
                 {"incomplete_details", nullptr},
                 {"instructions", nullptr},
                 {"metadata", Json::object()},
                 {"model", call.model},
                 {"output", std::move(output)},
                 {"parallel_tool_calls", true},
                 {"temperature", 1.0},
                 {"tool_choice", "auto"},
                 {"tools", Json::array()},
                 {"top_p", 1.0},
                 {"usage", nullptr}};
    if (status == "completed") json["usage"] = usage();
    return json;
  }
  [[nodiscard]] Json complete() const {
    return response("completed",
                    Json::array({item("completed", Json::array({part(joined(words))}))}));
  }
  [[nodiscard]] Json usage() const {
    return {{"input_tokens", call.prompt_tokens},
            {"input_tokens_details", {{"cached_tokens", 0}}},
            {"output_tokens", words.size()},
            {"output_tokens_details", {{"reasoning_tokens", 0}}},
            {"total_tokens", call.prompt_tokens + words.size()}};
  }
};

// Numbers the events as they are added.
class ResponseStream {
 public:
  ResponseStream(Answer& answer, const std::string& item_id) : answer_(answer), item_id_(item_id) {}
  void add(Role role, std::string_view type, const Json& members) {
    Json json = {{"type", type}, {"sequence_number", next_++}};
    json.update(members);
    answer_.events.push_back(sse(role, type, json));
  }
  // An event about the one text of the one message.
  void add_text(Role role, std::string_view type, const Json& members) {
    Json json = {{"item_id", item_id_}, {"output_index", 0}, {"content_index", 0}};
    json.update(members);
    add(role, type, json);
  }

 private:
  Answer& answer_;
  const std::string& item_id_;
  std::uint32_t next_ = 0;
};

Answer response_stream(const ResponseParts& parts) {
  Answer answer = stream_answer(kEventStream);
  ResponseStream stream(answer, parts.item_id);
  const std::string text = joined(parts.words);
  const Json begun = {{"response", parts.response("in_progress", Json::array())}};
  stream.add(Role::kPreamble, "response.created", begun);
  stream.add(Role::kPreamble, "response.in_progress", begun);
  stream.add(Role::kPreamble, "response.output_item.added",
             {{"output_index", 0}, {"item", parts.item("in_progress", Json::array())}});
  stream.add_text(Role::kPreamble, "response.content_part.added", {{"part", parts.part("")}});
  for (const std::string& word : parts.words) {
    stream.add_text(Role::kContent, "response.output_text.delta",
                    {{"delta", word}, {"logprobs", Json::array()}});
  }
  stream.add_text(Role::kClosing, "response.output_text.done",
                  {{"text", text}, {"logprobs", Json::array()}});
  stream.add_text(Role::kClosing, "response.content_part.done", {{"part", parts.part(text)}});
  stream.add(
      Role::kClosing, "response.output_item.done",
      {{"output_index", 0}, {"item", parts.item("completed", Json::array({parts.part(text)}))}});
  stream.add(Role::kTerminator, "response.completed", {{"response", parts.complete()}});
  return answer;
}

std::string packed(const std::vector<float>& vector) {
  return {reinterpret_cast<const char*>(vector.data()), vector.size() * sizeof(float)};
}

}  // namespace

Answer openai_chat(const Call& call, const Words& words, Identity& identity) {
  Answer answer = call.form == Form::kSse ? chat_stream(call, words, identity)
                                          : chat_whole(call, words, identity);
  add_request_id(answer, identity);
  return answer;
}

Answer openai_responses(const Call& call, const Words& words, Identity& identity) {
  const ResponseParts parts{call, words, identity.make("resp_"), identity.make("msg_"),
                            identity.seconds()};
  Answer answer = call.form == Form::kSse ? response_stream(parts) : whole_answer(parts.complete());
  add_request_id(answer, identity);
  return answer;
}

Answer openai_embeddings(const Call& call, Identity& identity) {
  constexpr std::size_t kDimensions = 16;
  // The Node library asks for base64 and decodes it itself.
  const bool encoded = text_of(call.body, "encoding_format") == "base64";
  Json data = Json::array();
  for (std::uint32_t i = 0; i < call.inputs; ++i) {
    const std::vector<float> vector(kDimensions, 0.25F);  // of length 1
    Json one = {{"object", "embedding"}, {"index", i}, {"embedding", vector}};
    if (encoded) one["embedding"] = base64(packed(vector));
    data.push_back(std::move(one));
  }
  Answer answer = whole_answer(
      {{"object", "list"},
       {"data", data},
       {"model", call.model},
       {"usage", {{"prompt_tokens", call.prompt_tokens}, {"total_tokens", call.prompt_tokens}}}});
  add_request_id(answer, identity);
  return answer;
}

Answer openai_models(const Call&, Identity& identity) {
  Json data = Json::array();
  for (const std::string_view id : {"mock-1", "mock-2"}) {
    data.push_back({{"id", id}, {"object", "model"}, {"created", 1}, {"owned_by", "mock"}});
  }
  Answer answer = whole_answer({{"object", "list"}, {"data", data}});
  add_request_id(answer, identity);
  return answer;
}

}  // namespace outrigger::mock
