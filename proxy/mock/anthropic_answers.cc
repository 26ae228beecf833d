// Anthropic's messages, and their other envelopes at Bedrock.
#include "proxy/mock/answers.h"
#include "proxy/mock/checksum.h"
#include "proxy/mock/event_stream.h"

namespace outrigger::mock {
namespace {

Json message(const Call& call, Json content, Json stop_reason, std::size_t out,
             Identity& identity) {
  return {{"id", identity.make("msg_")},
          {"type", "message"},
          {"role", "assistant"},
          {"model", call.model},
          {"content", std::move(content)},
          {"stop_reason", std::move(stop_reason)},
          {"stop_sequence", nullptr},
          {"usage", {{"input_tokens", call.prompt_tokens}, {"output_tokens", out}}}};
}

Json text_block(const std::string& text) {
  return {{"type", "text"}, {"text", text}};
}

struct Part {
  Role role;
  Json json;
};

// The events of a streamed message, whatever they travel in.
std::vector<Part> message_events(const Call& call, const Words& words, Identity& identity) {
  std::vector<Part> parts;
  parts.push_back({Role::kPreamble,
                   {{"type", "message_start"},
                    {"message", message(call, Json::array(), nullptr, 1, identity)}}});
  parts.push_back(
      {Role::kPreamble,
       {{"type", "content_block_start"}, {"index", 0}, {"content_block", text_block("")}}});
  parts.push_back({Role::kPreamble, {{"type", "ping"}}});
  for (const std::string& word : words) {
    parts.push_back({Role::kContent,
                     {{"type", "content_block_delta"},
                      {"index", 0},
                      {"delta", {{"type", "text_delta"}, {"text", word}}}}});
  }
  parts.push_back({Role::kClosing, {{"type", "content_block_stop"}, {"index", 0}}});
  parts.push_back({Role::kClosing,
                   {{"type", "message_delta"},
                    {"delta", {{"stop_reason", "end_turn"}, {"stop_sequence", nullptr}}},
                    {"usage", {{"output_tokens", words.size()}}}}});
  parts.push_back({Role::kTerminator, {{"type", "message_stop"}}});
  return parts;
}

void add_frame(Answer& answer, Role role, std::string_view type, const Json& json) {
  answer.events.push_back({role, event_frame(type, dump(json))});
}

Json converse_usage(const Call& call, const Words& words) {
  return {{"inputTokens", call.prompt_tokens},
          {"outputTokens", words.size()},
          {"totalTokens", call.prompt_tokens + words.size()}};
}

Answer converse_stream(const Call& call, const Words& words) {
  Answer answer = stream_answer("application/vnd.amazon.eventstream");
  add_frame(answer, Role::kPreamble, "messageStart", {{"role", "assistant"}});
  for (const std::string& word : words) {
    add_frame(answer, Role::kContent, "contentBlockDelta",
              {{"contentBlockIndex", 0}, {"delta", {{"text", word}}}});
  }
  add_frame(answer, Role::kClosing, "contentBlockStop", {{"contentBlockIndex", 0}});
  add_frame(answer, Role::kTerminator, "messageStop", {{"stopReason", "end_turn"}});
  add_frame(answer, Role::kTerminator, "metadata",
            {{"usage", converse_usage(call, words)}, {"metrics", {{"latencyMs", 12}}}});
  return answer;
}

Answer converse_whole(const Call& call, const Words& words) {
  const Json content = Json::array({{{"text", joined(words)}}});
  return whole_answer({{"output", {{"message", {{"role", "assistant"}, {"content", content}}}}},
                       {"stopReason", "end_turn"},
                       {"usage", converse_usage(call, words)},
                       {"metrics", {{"latencyMs", 12}}}});
}

Json whole_message(const Call& call, const Words& words, Identity& identity) {
  return message(call, Json::array({text_block(joined(words))}), "end_turn", words.size(),
                 identity);
}

}  // namespace

Answer anthropic_message(const Call& call, const Words& words, Identity& identity) {
  Answer answer;
  if (call.form == Form::kSse) {
    answer = stream_answer(kEventStream);
    for (const Part& part : message_events(call, words, identity))
      answer.events.push_back(sse(part.role, text_of(part.json, "type"), part.json));
  } else {
    answer = whole_answer(whole_message(call, words, identity));
  }
  answer.headers.emplace_back("request-id", identity.make("req_"));
  return answer;
}

Answer bedrock_converse(const Call& call, const Words& words, Identity& identity) {
  Answer answer =
      call.form == Form::kFrames ? converse_stream(call, words) : converse_whole(call, words);
  answer.headers.emplace_back("x-amzn-RequestId", identity.uuid());
  return answer;
}

Answer bedrock_invoke(const Call& call, const Words& words, Identity& identity) {
  Answer answer;
  if (call.form == Form::kFrames) {
    answer = stream_answer("application/vnd.amazon.eventstream");
    for (const Part& part : message_events(call, words, identity))
      add_frame(answer, part.role, "chunk", {{"bytes", base64(dump(part.json))}});
  } else {
    answer = whole_answer(whole_message(call, words, identity));
  }
  answer.headers.emplace_back("x-amzn-RequestId", identity.uuid());
  return answer;
}

}  // namespace outrigger::mock
