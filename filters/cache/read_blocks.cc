// Answers made of blocks or parts: Anthropic's messages, Gemini's candidates, Bedrock's Converse.
#include "filters/cache/answer_readers.h"

namespace outrigger::filters {
namespace {

using enum AnswerBar;

std::string_view text_at(JsonCursor& in) noexcept {
  return in.string().value_or(std::string_view());
}

// ---- Anthropic ----

// A block, or the `delta` of an event: a piece of one, or the end of the message.
struct Block {
  std::string_view type, text, arguments, reason;
};

Block read_block(JsonCursor& in) {
  Block block;
  in.members([&](std::string_view name) {
    if (name == "type") {
      block.type = text_at(in);
    } else if (name == "text") {
      block.text = text_at(in);
    } else if (name == "partial_json") {
      block.arguments = text_at(in);
    } else if (name == "stop_reason") {
      block.reason = text_at(in);
    } else {
      in.skip();
    }
  });
  return block;
}

bool is_silent(std::string_view type) noexcept {
  return type == "thinking" || type == "redacted_thinking" || type == "thinking_delta" ||
         type == "signature_delta" || type == "citations_delta" || type.empty();
}

// A block that is not known may be the work of a tool that ran there.
void tally_block(const Block& block, std::uint64_t index, AnswerTally& tally) {
  if (block.type == "text" || block.type == "text_delta") {
    tally.say(0, block.text);
  } else if (block.type == "tool_use") {
    tally.call(0);
  } else if (block.type == "input_json_delta") {
    if (!block.arguments.empty()) tally.call(0, index, block.arguments);
  } else if (!is_silent(block.type)) {
    tally.refuse(kServerTool);
  }
  if (!block.reason.empty()) tally.end(0, block.reason);
}

// ---- Gemini ----

void read_part(JsonCursor& in, std::uint64_t candidate, AnswerTally& tally) {
  std::string_view text;
  bool thought = false;
  in.members([&](std::string_view name) {
    if (name == "text") {
      text = text_at(in);
    } else if (name == "thought") {
      thought = in.skip() == "true";
    } else if (name == "functionCall") {
      if (says_something(in.skip())) tally.call(candidate);
    } else if (name == "inlineData") {
      if (says_something(in.skip())) tally.say(candidate);
    } else if (name == "executableCode" || name == "codeExecutionResult" || name == "fileData") {
      refuse_if_given(in, kServerTool, tally);
    } else {
      in.skip();
    }
  });
  if (!thought) tally.say(candidate, text);
}

// Behind the parts, or before them, stands which candidate it is: the parts are read when it is
// known.
void read_candidate(JsonCursor& in, std::uint64_t position, AnswerTally& tally) {
  std::uint64_t index = position;
  std::string_view content, reason;
  in.members([&](std::string_view name) {
    if (name == "index") {
      index = in.number().value_or(position);
    } else if (name == "content") {
      content = in.skip();
    } else if (name == "finishReason") {
      reason = text_at(in);
    } else if (name == "groundingMetadata" || name == "urlContextMetadata") {
      refuse_if_given(in, kServerTool, tally);
    } else {
      in.skip();
    }
  });
  tally.see(index);
  JsonCursor inside(content);
  inside.members([&](std::string_view name) {
    if (name != "parts") return static_cast<void>(inside.skip());
    inside.elements([&] { read_part(inside, index, tally); });
  });
  if (!reason.empty() && reason != "FINISH_REASON_UNSPECIFIED") tally.end(index, reason);
}

// ---- Converse ----

// A block of an answer, or what an event brings of one.
void read_converse_block(JsonCursor& in, std::string_view& arguments, AnswerTally& tally) {
  in.members([&](std::string_view name) {
    if (name == "text") {
      tally.say(0, text_at(in));
    } else if (name == "toolUse") {
      tally.call(0);
      in.members([&](std::string_view part) {
        const bool piece = part == "input" && in.peek() == '"';
        const std::string_view value = in.skip();
        if (piece && !value.empty()) arguments = value.substr(1, value.size() - 2);
      });
    } else if (name == "image" || name == "audio" || name == "citationsContent") {
      if (says_something(in.skip())) tally.say(0);
    } else if (name == "toolResult") {
      refuse_if_given(in, kServerTool, tally);
    } else {
      in.skip();
    }
  });
}

void read_converse_message(JsonCursor& in, AnswerTally& tally) {
  in.members([&](std::string_view name) {
    if (name != "content") return static_cast<void>(in.skip());
    std::string_view arguments;
    in.elements([&] { read_converse_block(in, arguments, tally); });
  });
}

}  // namespace

void read_message(JsonCursor& in, AnswerTally& tally) {
  std::uint64_t index = 0;
  std::vector<Block> blocks;
  in.members([&](std::string_view name) {
    if (name == "content") {
      in.elements([&] { tally_block(read_block(in), 0, tally); });
    } else if (name == "content_block" || name == "delta") {
      blocks.push_back(read_block(in));
    } else if (name == "index") {
      index = in.number().value_or(0);
    } else if (name == "stop_reason") {
      const std::string_view reason = text_at(in);
      if (!reason.empty()) tally.end(0, reason);
    } else if (name == "error") {
      refuse_if_given(in, kError, tally);
    } else if (name == "container") {
      refuse_if_given(in, kServerTool, tally);
    } else {
      in.skip();
    }
  });
  for (const Block& block : blocks) tally_block(block, index, tally);
}

void read_candidates(JsonCursor& in, AnswerTally& tally) {
  if (in.peek() == '[') {  // a stream without alt=sse
    in.elements([&] {
      if (in.peek() == '{') {
        read_candidates(in, tally);
      } else {
        in.skip();
      }
    });
    return;
  }
  in.members([&](std::string_view name) {
    if (name == "candidates") {
      std::uint64_t position = 0;
      in.elements([&] { read_candidate(in, position++, tally); });
    } else if (name == "promptFeedback") {
      in.members([&](std::string_view part) {
        if (part == "blockReason") {
          refuse_if_given(in, kFiltered, tally);
        } else {
          in.skip();
        }
      });
    } else if (name == "error") {
      refuse_if_given(in, kError, tally);
    } else {
      in.skip();
    }
  });
}

void read_converse(JsonCursor& in, AnswerTally& tally) {
  std::uint64_t index = 0;
  std::string_view arguments;
  in.members([&](std::string_view name) {
    if (name == "output") {
      in.members([&](std::string_view part) {
        if (part == "message") {
          read_converse_message(in, tally);
        } else {
          in.skip();
        }
      });
    } else if (name == "start" || name == "delta") {
      read_converse_block(in, arguments, tally);
    } else if (name == "contentBlockIndex") {
      index = in.number().value_or(0);
    } else if (name == "stopReason") {
      const std::string_view reason = text_at(in);
      if (!reason.empty()) tally.end(0, reason);
    } else if (name == "message") {
      refuse_if_given(in, kError, tally);
    } else if (name == "messageStop" || name == "contentBlockStart" ||
               name == "contentBlockDelta") {
      read_converse(in, tally);  // events of Nova, each in an object of its name
    } else {
      in.skip();
    }
  });
  if (!arguments.empty()) tally.call(0, index, arguments);
}

}  // namespace outrigger::filters
