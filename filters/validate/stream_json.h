// The JSON of stream events while an answer is assembled: members keep their order. Pure.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace outrigger::filters {

using StreamJson = nlohmann::ordered_json;

// Whether a member is there and not null.
[[nodiscard]] inline bool has(const StreamJson& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && !found->is_null();
}

// By dialect: assemblers take the events one by one, in order, and may throw what nlohmann-json
// throws when one is not what it should be; their caller catches.
class ChatAssembler {
 public:
  void take(const StreamJson& chunk);
  StreamJson finish();

 private:
  StreamJson& choice(std::size_t index);
  static void add_calls(StreamJson& message, const StreamJson& deltas);
  StreamJson base_;
  StreamJson choices_ = StreamJson::array();
};

class AnthropicAssembler {
 public:
  void take(const StreamJson& event);
  StreamJson finish();

 private:
  void add_delta(StreamJson& block, const StreamJson& delta);
  StreamJson message_;
  StreamJson inputs_ = StreamJson::object();  // by block: arguments so far
};

class GeminiAssembler {
 public:
  void take(const StreamJson& part);
  StreamJson finish() { return std::move(base_); }

 private:
  StreamJson& candidate(std::size_t index);
  StreamJson base_;
};

// The events of an answer, each with its type where the dialect names them.
class StreamWriter {
 public:
  void add(const StreamJson& data) { write({}, data); }
  void add_named(const StreamJson& data) { write(data.at("type").get<std::string>(), data); }
  void add_text(std::string_view data) { out_.append("data: ").append(data).append("\n\n"); }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  void write(std::string_view type, const StreamJson& data);
  std::string out_;
};

void write_chat(const StreamJson& answer, StreamWriter& out);
void write_responses(const StreamJson& answer, StreamWriter& out);
void write_anthropic(const StreamJson& answer, StreamWriter& out);

// Never throws: bytes that are not UTF-8 are replaced.
[[nodiscard]] std::string to_text(const StreamJson& json);

}  // namespace outrigger::filters
