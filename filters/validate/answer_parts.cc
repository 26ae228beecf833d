#include "filters/validate/answer_parts.h"

namespace outrigger::filters {
namespace {

using Kind = AnswerPart::Kind;

std::string_view between_quotes(JsonText value) noexcept {
  return value.is_string() ? value.text().substr(1, value.text().size() - 2) : std::string_view();
}

// Gathers the parts of one choice.
class Choice {
 public:
  explicit Choice(std::size_t index) { text_.choice = index; }

  void add_text(JsonText text) {
    std::optional<std::string> decoded = text.string();
    if (!decoded) return;
    text_.text += *decoded;
    text_.places.push_back(text);
  }
  void add_call(JsonText name, JsonText arguments, Kind kind) {
    AnswerPart call;
    call.kind = kind;
    call.choice = text_.choice;
    call.tool = between_quotes(name);
    called_ = true;
    if (!arguments.there()) return;
    call.text = arguments.is_string() ? *arguments.string() : std::string(arguments.text());
    call.places.push_back(arguments);
    calls_.push_back(std::move(call));
  }
  // It says something that is not ours to look at: audio, a refusal, a tool that runs there.
  void add_other() noexcept { other_ = true; }
  [[nodiscard]] bool says_nothing() const noexcept {
    return text_.text.find_first_not_of(" \t\r\n") == std::string::npos && !called_ && !other_;
  }
  void give(std::vector<AnswerPart>& parts) {
    if (!called_ && !other_ && !text_.places.empty()) parts.push_back(std::move(text_));
    for (AnswerPart& call : calls_) parts.push_back(std::move(call));
  }

 private:
  AnswerPart text_;
  std::vector<AnswerPart> calls_;
  bool called_ = false;
  bool other_ = false;
};

constexpr std::string_view kSaysNothing = "the answer has no content";

void read_chat_choice(JsonText choice, std::size_t index, AnswerParts& out) {
  const JsonText reason = choice["finish_reason"];
  const JsonText message = choice["message"];
  if (!message.is_object()) {
    out.defect = "a choice has no message";
    return;
  }
  if (reason.is("content_filter")) return;
  Choice parts(index);
  parts.add_text(message["content"]);
  message["tool_calls"].each([&](JsonText call) {
    const JsonText function = call["function"];
    parts.add_call(function["name"], function["arguments"], Kind::kArguments);
  });
  for (const std::string_view other : {"refusal", "audio", "function_call"}) {
    if (message[other].says_something()) parts.add_other();
  }
  if (reason.is("length")) {
    out.cut = true;
  } else if (parts.says_nothing()) {
    out.defect = kSaysNothing;
  }
  parts.give(out.parts);
}

AnswerParts read_chat(JsonText answer) {
  AnswerParts out;
  const JsonText choices = answer["choices"];
  if (!choices.says_something() || !choices.is_array()) {
    out.defect = "the answer has no choices";
    return out;
  }
  std::size_t index = 0;
  choices.each([&](JsonText choice) { read_chat_choice(choice, index++, out); });
  return out;
}

void read_item(JsonText item, Choice& parts) {
  const JsonText type = item["type"];
  if (type.is("function_call")) {
    parts.add_call(item["name"], item["arguments"], Kind::kArguments);
  } else if (type.is("message")) {
    item["content"].each([&](JsonText content) {
      if (content["type"].is("output_text")) {
        parts.add_text(content["text"]);
      } else {
        parts.add_other();
      }
    });
  } else if (type.is("reasoning")) {
    return;
  } else if (type.is_string() && !type.is("web_search_call") && !type.is("file_search_call")) {
    parts.add_other();
  }
}

AnswerParts read_responses(JsonText answer) {
  AnswerParts out;
  const JsonText output = answer["output"];
  if (!output.is_array()) {
    out.defect = "the answer has no output";
    return out;
  }
  const JsonText status = answer["status"];
  const bool incomplete = status.is("incomplete");
  out.cut = incomplete && answer["incomplete_details"]["reason"].is("max_output_tokens");
  if (status.there() && !status.is("completed") && !out.cut) return out;
  Choice parts(0);
  output.each([&](JsonText item) { read_item(item, parts); });
  if (!out.cut && parts.says_nothing()) out.defect = kSaysNothing;
  parts.give(out.parts);
  return out;
}

AnswerParts read_anthropic(JsonText answer) {
  AnswerParts out;
  const JsonText content = answer["content"];
  if (!content.is_array()) {
    out.defect = "the answer has no content";
    return out;
  }
  const JsonText reason = answer["stop_reason"];
  if (reason.is("refusal") || reason.is("pause_turn")) return out;
  out.cut = reason.is("max_tokens") || reason.is("model_context_window_exceeded");
  Choice parts(0);
  content.each([&](JsonText block) {
    const JsonText type = block["type"];
    if (type.is("text")) {
      parts.add_text(block["text"]);
    } else if (type.is("tool_use")) {
      parts.add_call(block["name"], block["input"], Kind::kObject);
    } else if (type.is_string() && !type.is("thinking") && !type.is("redacted_thinking") &&
               !type.is("server_tool_use") && !type.is("web_search_tool_result")) {
      parts.add_other();
    }
  });
  if (!out.cut && parts.says_nothing()) out.defect = kSaysNothing;
  parts.give(out.parts);
  return out;
}

bool is_cut(JsonText reason) noexcept {
  return reason.is("MAX_TOKENS");
}

void read_candidate(JsonText candidate, std::size_t index, AnswerParts& out) {
  const JsonText reason = candidate["finishReason"];
  if (reason.is("MALFORMED_FUNCTION_CALL") || reason.is("UNEXPECTED_TOOL_CALL")) {
    out.defect = "the model made a function call that is none";
    out.note = candidate["finishMessage"].string().value_or("");
    return;
  }
  // SAFETY, RECITATION and their like: the provider's word, and final.
  if (reason.there() && !reason.is("STOP") && !is_cut(reason)) return;
  Choice parts(index);
  candidate["content"]["parts"].each([&](JsonText part) {
    if (part["thought"].text() == "true") return;
    if (const JsonText call = part["functionCall"]; call.is_object()) {
      parts.add_call(call["name"], call["args"], Kind::kObject);
    } else if (part["text"].is_string()) {
      parts.add_text(part["text"]);
    } else if (part.is_object()) {
      parts.add_other();
    }
  });
  if (is_cut(reason)) {
    out.cut = true;
  } else if (parts.says_nothing()) {
    out.defect = kSaysNothing;
  }
  parts.give(out.parts);
}

AnswerParts read_gemini(JsonText answer) {
  AnswerParts out;
  const JsonText candidates = answer["candidates"];
  if (answer["promptFeedback"]["blockReason"].says_something()) return out;
  if (!candidates.is_array() || !candidates.says_something()) {
    out.defect = "the answer has no candidates";
    return out;
  }
  std::size_t index = 0;
  candidates.each([&](JsonText candidate) { read_candidate(candidate, index++, out); });
  return out;
}

}  // namespace

AnswerParts parts_of(Form form, std::string_view answer) {
  const JsonText json(answer);
  switch (form) {
    case Form::kChat:
      return read_chat(json);
    case Form::kResponses:
      return read_responses(json);
    case Form::kAnthropic:
      return read_anthropic(json);
    case Form::kGemini:
      return read_gemini(json);
    case Form::kNone:
      break;
  }
  return {};
}

void replace_part(const AnswerPart& part, std::string_view with, JsonEdits& edits) {
  for (std::size_t i = 0; i < part.places.size(); ++i) {
    if (part.kind == Kind::kObject) {
      edits.replace(part.places[i], std::string(with));
    } else {
      edits.replace(part.places[i], json_quoted(i == 0 ? with : std::string_view()));
    }
  }
}

}  // namespace outrigger::filters
