#include "filters/validate/reprompt.h"

#include <fmt/format.h>

#include "filters/json/json_text.h"
#include "proxy/base/json_checker.h"

namespace outrigger::filters {
namespace {

// Elements of a list under construction.
class Elements {
 public:
  void add(std::string_view element) {
    if (!text_.empty()) text_ += ',';
    text_ += element;
  }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }

 private:
  std::string text_;
};

std::string words_for(const InvalidAnswer& answer) {
  if (answer.empty) {
    return fmt::format("Your last answer could not be used: {}. Answer again.", answer.complaint);
  }
  return fmt::format(
      "Your last answer could not be used, because it failed validation: {}. Answer again with the "
      "whole corrected answer, and with nothing else.",
      answer.complaint);
}

std::string words_for_call(const InvalidAnswer& answer) {
  return fmt::format(
      "The tool was not run, because the arguments of your last turn's calls failed validation: "
      "{}. Make the calls again with correct arguments.",
      answer.complaint);
}

// `"name":value` of what is there.
std::string member(JsonText object, std::string_view name) {
  const JsonText value = object[name];
  if (!value.says_something()) return {};
  return fmt::format(",\"{}\":{}", name, value.text());
}

JsonText element(JsonText list, std::size_t index) {
  JsonText found;
  std::size_t at = 0;
  list.each([&](JsonText each) {
    if (at++ == index) found = each;
  });
  return found;
}

void add_chat(const InvalidAnswer& answer, Elements& turns) {
  const JsonText message = element(JsonText(answer.body)["choices"], answer.choice)["message"];
  const std::string words = words_for(answer);
  const std::string result = words_for_call(answer);
  bool called = false;
  Elements results;
  message["tool_calls"].each([&](JsonText call) {
    called = true;
    const JsonText id = call["id"];
    results.add(fmt::format(R"({{"role":"tool","tool_call_id":{},"content":{}}})",
                            id.is_string() ? id.text() : "\"\"", json_quoted(result)));
  });
  if (!answer.empty && message.is_object()) {
    const std::string content = message["content"].is_string()
                                    ? std::string(message["content"].text())
                                    : std::string(called ? "null" : "\"\"");
    turns.add(fmt::format(R"({{"role":"assistant","content":{}{}}})", content,
                          member(message, "tool_calls")));
  }
  if (called && !answer.empty) {
    turns.add(results.text());
  } else {
    turns.add(fmt::format(R"({{"role":"user","content":{}}})", json_quoted(words)));
  }
}

// Items are given back without their ids, which lead to nothing where nothing is stored.
void add_responses(const InvalidAnswer& answer, Elements& turns) {
  Elements results;
  std::string text;
  const std::string result = json_quoted(words_for_call(answer));
  if (!answer.empty) {
    JsonText(answer.body)["output"].each([&](JsonText item) {
      if (item["type"].is("message")) {
        item["content"].each(
            [&](JsonText content) { text += content["text"].string().value_or(""); });
      } else if (item["type"].is("function_call")) {
        const std::string_view id = item["call_id"].text();
        turns.add(fmt::format(R"({{"type":"function_call"{}{}{}}})", member(item, "call_id"),
                              member(item, "name"), member(item, "arguments")));
        results.add(fmt::format(R"({{"type":"function_call_output","call_id":{},"output":{}}})",
                                id.empty() ? "\"\"" : id, result));
      }
    });
    if (!text.empty()) {
      turns.add(fmt::format(R"({{"role":"assistant","content":{}}})", json_quoted(text)));
    }
  }
  if (!results.empty()) {
    turns.add(results.text());
  } else {
    turns.add(fmt::format(R"({{"role":"user","content":{}}})", json_quoted(words_for(answer))));
  }
}

// Texts without a word are refused where they are given back.
bool may_return(JsonText block) {
  return !block["type"].is("text") || block["text"].says_something();
}

void add_anthropic(const InvalidAnswer& answer, Elements& turns) {
  Elements content, results;
  const std::string result = json_quoted(words_for_call(answer));
  JsonText(answer.body)["content"].each([&](JsonText block) {
    if (!may_return(block)) return;
    content.add(block.text());
    if (!block["type"].is("tool_use")) return;
    const std::string_view id = block["id"].text();
    results.add(
        fmt::format(R"({{"type":"tool_result","tool_use_id":{},"is_error":true,"content":{}}})",
                    id.empty() ? "\"\"" : id, result));
  });
  if (!answer.empty && !content.empty()) {
    turns.add(fmt::format(R"({{"role":"assistant","content":[{}]}})", content.text()));
    if (!results.empty()) {
      turns.add(fmt::format(R"({{"role":"user","content":[{}]}})", results.text()));
      return;
    }
  }
  turns.add(fmt::format(R"({{"role":"user","content":{}}})", json_quoted(words_for(answer))));
}

void add_gemini(const InvalidAnswer& answer, Elements& turns) {
  const JsonText candidate = element(JsonText(answer.body)["candidates"], answer.choice);
  const JsonText parts = candidate["content"]["parts"];
  Elements results;
  const std::string result = json_quoted(words_for_call(answer));
  parts.each([&](JsonText part) {
    const JsonText call = part["functionCall"];
    if (!call.is_object()) return;
    const std::string_view name = call["name"].text();
    results.add(fmt::format(R"({{"functionResponse":{{"name":{}{},"response":{{"error":{}}}}}}})",
                            name.empty() ? "\"\"" : name, member(call, "id"), result));
  });
  if (!answer.empty && parts.says_something()) {
    turns.add(fmt::format(R"({{"role":"model","parts":{}}})", parts.text()));
    if (!results.empty()) {
      turns.add(fmt::format(R"({{"role":"user","parts":[{}]}})", results.text()));
      return;
    }
  }
  turns.add(
      fmt::format(R"({{"role":"user","parts":[{{"text":{}}}]}})", json_quoted(words_for(answer))));
}

// `input` may be one text, which is the user's first turn.
std::optional<std::string> with_input(std::string_view original, const Elements& turns) {
  const JsonText input = JsonText(original)["input"];
  JsonEdits edits(original);
  if (input.is_array()) {
    edits.append(input, turns.text());
  } else if (input.is_string()) {
    edits.replace(
        input, fmt::format(R"([{{"role":"user","content":{}}},{}])", input.text(), turns.text()));
  } else {
    return std::nullopt;
  }
  return edits.apply();
}

std::optional<std::string> with_turns(std::string_view original, std::string_view list,
                                      const Elements& turns) {
  const JsonText messages = JsonText(original)[list];
  if (!messages.is_array()) return std::nullopt;
  JsonEdits edits(original);
  edits.append(messages, turns.text());
  return edits.apply();
}

}  // namespace

std::optional<std::string> reprompt(Form form, std::string_view original,
                                    const InvalidAnswer& answer) {
  if (!is_json(original)) return std::nullopt;
  Elements turns;
  switch (form) {
    case Form::kChat:
      add_chat(answer, turns);
      return with_turns(original, "messages", turns);
    case Form::kResponses:
      add_responses(answer, turns);
      return with_input(original, turns);
    case Form::kAnthropic:
      add_anthropic(answer, turns);
      return with_turns(original, "messages", turns);
    case Form::kGemini:
      add_gemini(answer, turns);
      return with_turns(original, "contents", turns);
    case Form::kNone:
      break;
  }
  return std::nullopt;
}

}  // namespace outrigger::filters
