// From an answer to events.
#include "filters/validate/stream_json.h"

namespace outrigger::filters {
namespace {

// One event of a chat stream, for one choice.
StreamJson chunk_of(const StreamJson& answer, StreamJson choices) {
  StreamJson chunk = answer;
  chunk["object"] = "chat.completion.chunk";
  chunk["choices"] = std::move(choices);
  chunk.erase("usage");
  return chunk;
}

StreamJson choice_of(const StreamJson& choice, StreamJson delta, StreamJson finish_reason) {
  return StreamJson::array({{{"index", choice.at("index")},
                             {"delta", std::move(delta)},
                             {"logprobs", nullptr},
                             {"finish_reason", std::move(finish_reason)}}});
}

StreamJson delta_of(const StreamJson& message) {
  StreamJson delta = StreamJson::object();
  for (const auto& [name, value] : message.items()) {
    if (name == "role" || value.is_null()) continue;
    delta[name] = value;
    if (name != "tool_calls") continue;
    std::size_t index = 0;
    for (StreamJson& call : delta[name]) {
      StreamJson numbered = {{"index", index++}};
      numbered.update(call);
      call = std::move(numbered);
    }
  }
  return delta;
}

// Numbers the events of a Responses stream, and names the item that they speak of.
class ResponseEvents {
 public:
  explicit ResponseEvents(StreamWriter& out) : out_(out) {}

  void add(const char* type, const StreamJson& members) {
    StreamJson event = {{"type", type}, {"sequence_number", next_++}};
    event.update(members);
    out_.add_named(event);
  }
  void add_item(std::size_t index, const StreamJson& item) {
    StreamJson begun = item;
    if (begun.contains("status")) begun["status"] = "in_progress";
    const std::string type = item.value("type", "");
    if (type == "message") begun["content"] = StreamJson::array();
    if (type == "function_call") begun["arguments"] = "";
    add("response.output_item.added", {{"output_index", index}, {"item", begun}});
    if (type == "message") add_contents(index, item);
    if (type == "function_call") {
      StreamJson of = {{"item_id", item.value("id", "")}, {"output_index", index}};
      of["delta"] = item.at("arguments");
      add("response.function_call_arguments.delta", of);
      of.erase("delta");
      of["name"] = item.value("name", "");
      of["arguments"] = item.at("arguments");
      add("response.function_call_arguments.done", of);
    }
    add("response.output_item.done", {{"output_index", index}, {"item", item}});
  }

 private:
  void add_contents(std::size_t index, const StreamJson& item) {
    std::size_t at = 0;
    for (const StreamJson& part : item.at("content")) {
      const StreamJson of = {
          {"item_id", item.value("id", "")}, {"output_index", index}, {"content_index", at++}};
      const bool refusal = part.value("type", "") == "refusal";
      const char* name = refusal ? "refusal" : "text";
      StreamJson begun = part;
      begun[name] = "";
      const auto with = [&](StreamJson more) {
        StreamJson event = of;
        event.update(more);
        return event;
      };
      const std::string stem = refusal ? "response.refusal" : "response.output_text";
      StreamJson delta = {{"delta", part.at(name)}};
      StreamJson done = {{name, part.at(name)}};
      if (!refusal) delta["logprobs"] = done["logprobs"] = StreamJson::array();
      add("response.content_part.added", with({{"part", begun}}));
      add((stem + ".delta").c_str(), with(delta));
      add((stem + ".done").c_str(), with(done));
      add("response.content_part.done", with({{"part", part}}));
    }
  }

  StreamWriter& out_;
  std::uint64_t next_ = 0;
};

void write_block(std::size_t index, const StreamJson& block, StreamWriter& out) {
  const std::string type = block.value("type", "");
  StreamJson begun = block;
  std::vector<StreamJson> deltas;
  if (type == "text") {
    begun["text"] = "";
    begun.erase("citations");
    deltas.push_back({{"type", "text_delta"}, {"text", block.at("text")}});
    for (const StreamJson& citation : block.value("citations", StreamJson::array())) {
      deltas.push_back({{"type", "citations_delta"}, {"citation", citation}});
    }
  } else if (type == "thinking") {
    begun["thinking"] = "";
    begun["signature"] = "";
    deltas.push_back({{"type", "thinking_delta"}, {"thinking", block.value("thinking", "")}});
    deltas.push_back({{"type", "signature_delta"}, {"signature", block.value("signature", "")}});
  } else if (type == "tool_use" || type == "server_tool_use") {
    begun["input"] = StreamJson::object();
    deltas.push_back({{"type", "input_json_delta"}, {"partial_json", to_text(block.at("input"))}});
  }
  out.add_named({{"type", "content_block_start"}, {"index", index}, {"content_block", begun}});
  for (const StreamJson& delta : deltas) {
    out.add_named({{"type", "content_block_delta"}, {"index", index}, {"delta", delta}});
  }
  out.add_named({{"type", "content_block_stop"}, {"index", index}});
}

}  // namespace

std::string to_text(const StreamJson& json) {
  return json.dump(-1, ' ', false, StreamJson::error_handler_t::replace);
}

void StreamWriter::write(std::string_view type, const StreamJson& data) {
  if (!type.empty()) out_.append("event: ").append(type) += '\n';
  add_text(to_text(data));
}

void write_chat(const StreamJson& answer, StreamWriter& out) {
  const StreamJson& choices = answer.at("choices");
  for (const StreamJson& choice : choices) {
    StreamJson role = {{"role", "assistant"}, {"content", nullptr}};
    if (has(choice.at("message"), "content")) role["content"] = "";
    out.add(chunk_of(answer, choice_of(choice, std::move(role), nullptr)));
  }
  for (const StreamJson& choice : choices) {
    out.add(chunk_of(answer, choice_of(choice, delta_of(choice.at("message")), nullptr)));
  }
  for (const StreamJson& choice : choices) {
    out.add(chunk_of(answer, choice_of(choice, StreamJson::object(), choice.at("finish_reason"))));
  }
  if (has(answer, "usage")) {
    StreamJson usage = chunk_of(answer, StreamJson::array());
    usage["usage"] = answer["usage"];
    out.add(usage);
  }
  out.add_text("[DONE]");
}

void write_responses(const StreamJson& answer, StreamWriter& out) {
  ResponseEvents events(out);
  StreamJson begun = answer;
  begun["status"] = "in_progress";
  begun["output"] = StreamJson::array();
  begun["usage"] = nullptr;
  events.add("response.created", {{"response", begun}});
  events.add("response.in_progress", {{"response", begun}});
  std::size_t index = 0;
  for (const StreamJson& item : answer.at("output")) events.add_item(index++, item);
  const bool incomplete = answer.value("status", "") == "incomplete";
  events.add(incomplete ? "response.incomplete" : "response.completed", {{"response", answer}});
}

void write_anthropic(const StreamJson& answer, StreamWriter& out) {
  StreamJson begun = answer;
  begun["content"] = StreamJson::array();
  begun["stop_reason"] = nullptr;
  begun["stop_sequence"] = nullptr;
  out.add_named({{"type", "message_start"}, {"message", begun}});
  std::size_t index = 0;
  for (const StreamJson& block : answer.at("content")) write_block(index++, block, out);
  StreamJson end = {{"type", "message_delta"},
                    {"delta",
                     {{"stop_reason", answer.value("stop_reason", StreamJson())},
                      {"stop_sequence", answer.value("stop_sequence", StreamJson())}}}};
  if (has(answer, "usage")) end["usage"] = answer["usage"];
  out.add_named(end);
  out.add_named({{"type", "message_stop"}});
}

}  // namespace outrigger::filters
