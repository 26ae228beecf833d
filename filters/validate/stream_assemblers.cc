// From events to an answer.
#include <utility>

#include "filters/validate/stream_json.h"

namespace outrigger::filters {
namespace {

void append(StreamJson& object, const std::string& name, const StreamJson& text) {
  StreamJson& at = object[name];
  at = at.is_string() ? at.get<std::string>() + text.get<std::string>() : text.get<std::string>();
}

constexpr std::size_t kMostElements = 4096;  // an index is an upstream's word

StreamJson& element(StreamJson& list, std::size_t index) {
  if (index >= kMostElements) throw std::bad_alloc();  // caught by whoever assembles
  while (list.size() <= index) list.push_back(StreamJson::object());
  return list[index];
}

}  // namespace

void ChatAssembler::take(const StreamJson& chunk) {
  if (base_.is_null()) {
    base_ = chunk;
    base_["object"] = "chat.completion";
    base_["choices"] = StreamJson::array();
    base_.erase("usage");
  }
  for (const auto& [name, value] : chunk.items()) {
    if (name != "object" && name != "choices" && !value.is_null()) base_[name] = value;
  }
  if (!has(chunk, "choices")) return;
  for (const StreamJson& each : chunk.at("choices")) {
    StreamJson& mine = choice(each.value("index", std::size_t{0}));
    if (has(each, "finish_reason")) mine["finish_reason"] = each.at("finish_reason");
    if (!has(each, "delta")) continue;
    StreamJson& message = mine["message"];
    for (const auto& [name, value] : each.at("delta").items()) {
      if (name == "role") {
        message["role"] = value;
      } else if (name == "tool_calls" && value.is_array()) {
        add_calls(message, value);
      } else if (value.is_string()) {
        append(message, name, value);
      } else if (!value.is_null()) {
        message[name] = value;
      }
    }
  }
}

StreamJson& ChatAssembler::choice(std::size_t index) {
  StreamJson& mine = element(choices_, index);
  if (mine.empty()) {
    mine = {{"index", index},
            {"message", {{"role", "assistant"}, {"content", nullptr}, {"refusal", nullptr}}},
            {"logprobs", nullptr},
            {"finish_reason", nullptr}};
  }
  return mine;
}

void ChatAssembler::add_calls(StreamJson& message, const StreamJson& deltas) {
  StreamJson& calls = message["tool_calls"];
  if (calls.is_null()) calls = StreamJson::array();
  for (const StreamJson& delta : deltas) {
    StreamJson& call = element(calls, delta.value("index", std::size_t{0}));
    for (const auto& [name, value] : delta.items()) {
      if (name == "index") continue;
      if (name != "function") {
        call[name] = value;
        continue;
      }
      for (const auto& [part, text] : value.items()) {
        if (text.is_string()) append(call["function"], part, text);
      }
    }
  }
}

StreamJson ChatAssembler::finish() {
  // The usage comes behind the choices.
  StreamJson usage = base_.contains("usage") ? base_["usage"] : StreamJson();
  base_.erase("usage");
  base_["choices"] = std::move(choices_);
  if (!usage.is_null()) base_["usage"] = std::move(usage);
  return std::move(base_);
}

void AnthropicAssembler::take(const StreamJson& event) {
  const std::string type = event.value("type", "");
  if (type == "message_start") {
    message_ = event.at("message");
    message_["content"] = StreamJson::array();
  } else if (type == "content_block_start") {
    element(message_["content"], event.at("index").get<std::size_t>()) = event.at("content_block");
  } else if (type == "content_block_delta") {
    add_delta(element(message_["content"], event.at("index").get<std::size_t>()), event);
  } else if (type == "message_delta") {
    for (const auto& [name, value] : event.at("delta").items()) message_[name] = value;
    if (!has(event, "usage")) return;
    for (const auto& [name, value] : event.at("usage").items()) {
      if (!value.is_null()) message_["usage"][name] = value;
    }
  }
}

void AnthropicAssembler::add_delta(StreamJson& block, const StreamJson& event) {
  const StreamJson& delta = event.at("delta");
  const std::string type = delta.value("type", "");
  if (type == "input_json_delta") {
    append(inputs_, std::to_string(event.at("index").get<std::size_t>()), delta.at("partial_json"));
  } else if (type == "signature_delta") {
    block["signature"] = delta.at("signature");
  } else if (type == "citations_delta") {
    if (!has(block, "citations")) block["citations"] = StreamJson::array();
    block["citations"].push_back(delta.at("citation"));
  } else {
    for (const auto& [name, value] : delta.items()) {
      if (name != "type" && value.is_string()) append(block, name, value);
    }
  }
}

StreamJson AnthropicAssembler::finish() {
  for (const auto& [index, text] : inputs_.items()) {
    const auto& pieces = text.get_ref<const std::string&>();
    if (pieces.empty()) continue;
    StreamJson input = StreamJson::parse(pieces, nullptr, false);
    if (input.is_discarded()) input = pieces;
    message_["content"][std::stoul(index)]["input"] = std::move(input);
  }
  return std::move(message_);
}

void GeminiAssembler::take(const StreamJson& part) {
  if (base_.is_null()) base_ = {{"candidates", StreamJson::array()}};
  for (const auto& [name, value] : part.items()) {
    if (name != "candidates") base_[name] = value;
  }
  if (!has(part, "candidates")) return;
  for (const StreamJson& each : part.at("candidates")) {
    StreamJson& mine = candidate(each.value("index", std::size_t{0}));
    for (const auto& [name, value] : each.items()) {
      if (name != "content") mine[name] = value;
    }
    if (!has(each, "content")) continue;
    StreamJson& content = mine["content"];
    if (has(each["content"], "role")) content["role"] = each["content"]["role"];
    StreamJson& parts = content["parts"];
    if (parts.is_null()) parts = StreamJson::array();
    if (!has(each["content"], "parts")) continue;
    for (const StreamJson& piece : each["content"]["parts"]) {
      // Texts are pieces of one, where nothing else stands between.
      const bool text = piece.size() == 1 && piece.contains("text");
      const bool joins =
          text && !parts.empty() && parts.back().size() == 1 && parts.back().contains("text");
      if (joins) {
        append(parts.back(), "text", piece["text"]);
      } else {
        parts.push_back(piece);
      }
    }
  }
}

StreamJson& GeminiAssembler::candidate(std::size_t index) {
  StreamJson& mine = element(base_["candidates"], index);
  if (mine.empty()) mine["content"] = {{"parts", StreamJson::array()}, {"role", "model"}};
  return mine;
}

}  // namespace outrigger::filters
