// OpenAI's chat completions, whole and in chunks, and its Responses.
#include "filters/cache/answer_readers.h"

namespace outrigger::filters {
namespace {

using enum AnswerBar;

struct Choice {
  std::uint64_t index = 0;
  std::string_view text, reason;
  bool other = false;  // it says something that is no text
  bool called = false;
  std::vector<CallPiece> calls;
};

// `message` of an answer, `delta` of a chunk.
void read_chat_message(JsonCursor& in, Choice& choice, AnswerTally& tally) {
  in.members([&](std::string_view name) {
    if (name == "content") {
      const bool text = in.peek() == '"';
      const std::string_view value = in.skip();
      if (text && !value.empty()) {
        choice.text = value.substr(1, value.size() - 2);
      } else if (says_something(value)) {
        choice.other = true;
      }
    } else if (name == "refusal") {
      refuse_if_given(in, kRefusal, tally);
    } else if (name == "tool_calls") {
      std::uint64_t position = 0;
      in.elements([&] { choice.calls.push_back(read_call(in, position++)); });
    } else if (name == "function_call") {
      choice.called = says_something(in.skip()) || choice.called;
    } else if (name == "audio" || name == "images") {
      choice.other = says_something(in.skip()) || choice.other;
    } else if (name == "annotations" || name == "executed_tools") {
      refuse_if_given(in, kServerTool, tally);  // links that a search found
    } else {
      in.skip();
    }
  });
}

void read_choice(JsonCursor& in, std::uint64_t position, AnswerTally& tally) {
  Choice choice;
  choice.index = position;
  in.members([&](std::string_view name) {
    if (name == "index") {
      choice.index = in.number().value_or(position);
    } else if (name == "finish_reason") {
      choice.reason = in.string().value_or("");
    } else if (name == "text") {
      choice.text = in.string().value_or("");
    } else if (name == "message" || name == "delta") {
      read_chat_message(in, choice, tally);
    } else if (name == "error") {
      refuse_if_given(in, kError, tally);
    } else {
      in.skip();
    }
  });
  tally.say(choice.index, choice.text);
  if (choice.other) tally.say(choice.index);
  if (choice.called) tally.call(choice.index);
  for (const CallPiece& call : choice.calls) tally.call(choice.index, call.which, call.arguments);
  if (!choice.reason.empty()) tally.end(choice.index, choice.reason);
}

// ---- Responses ----

struct Item {
  std::string_view type, arguments;
  std::vector<std::string_view> texts;
};

void read_part(JsonCursor& in, Item& item, AnswerTally& tally) {
  std::string_view type;
  in.members([&](std::string_view name) {
    if (name == "type") {
      type = in.string().value_or("");
    } else if (name == "text") {
      item.texts.push_back(in.string().value_or(""));
    } else if (name == "annotations") {
      refuse_if_given(in, kServerTool, tally);  // of files or pages that it looked up
    } else {
      in.skip();
    }
  });
  if (type == "refusal") tally.refuse(kRefusal);
}

void read_item(JsonCursor& in, std::uint64_t position, AnswerTally& tally) {
  Item item;
  in.members([&](std::string_view name) {
    if (name == "type") {
      item.type = in.string().value_or("");
    } else if (name == "arguments") {
      item.arguments = in.string().value_or("");
    } else if (name == "content") {
      in.elements([&] { read_part(in, item, tally); });
    } else {
      in.skip();
    }
  });
  if (item.type == "message") {
    for (const std::string_view text : item.texts) tally.say(0, text);
  } else if (item.type == "function_call") {
    tally.call(0, position, item.arguments);
  } else if (item.type == "custom_tool_call") {
    tally.call(0);
  } else if (item.type != "reasoning") {
    tally.refuse(kServerTool);
  }
}

}  // namespace

CallPiece read_call(JsonCursor& in, std::uint64_t position) {
  CallPiece piece;
  piece.which = position;
  in.members([&](std::string_view name) {
    if (name == "index") {
      piece.which = in.number().value_or(position);
    } else if (name == "function") {
      in.members([&](std::string_view part) {
        if (part == "arguments") {
          piece.arguments = in.string().value_or("");
        } else {
          in.skip();
        }
      });
    } else {
      in.skip();
    }
  });
  return piece;
}

void read_chat(JsonCursor& in, AnswerTally& tally) {
  in.members([&](std::string_view name) {
    if (name == "choices") {
      std::uint64_t position = 0;
      in.elements([&] { read_choice(in, position++, tally); });
    } else if (name == "error") {
      refuse_if_given(in, kError, tally);
    } else if (name == "citations" || name == "search_results") {
      refuse_if_given(in, kServerTool, tally);  // Perplexity
    } else {
      in.skip();
    }
  });
}

void read_response(JsonCursor& in, AnswerTally& tally) {
  std::string_view status;
  in.members([&](std::string_view name) {
    if (name == "output") {
      std::uint64_t position = 0;
      in.elements([&] { read_item(in, position++, tally); });
    } else if (name == "status") {
      status = in.string().value_or("");
    } else if (name == "error") {
      refuse_if_given(in, kError, tally);
    } else if (name == "incomplete_details") {
      refuse_if_given(in, kUnfinished, tally);
    } else {
      in.skip();
    }
  });
  if (!in.failed()) tally.end(0, status);
}

void read_last_response(std::string_view json, AnswerTally& tally) {
  JsonCursor in(json);
  in.members([&](std::string_view name) {
    if (name == "response") {
      read_response(in, tally);
    } else {
      in.skip();
    }
  });
  if (!in.at_end()) tally.refuse(kMalformed);
}

}  // namespace outrigger::filters
