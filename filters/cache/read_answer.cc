// By call; and the answers that are told in a line or two.
#include <algorithm>

#include "filters/cache/answer_readers.h"

namespace outrigger::filters {
namespace {

using enum AnswerBar;

template <std::size_t n>
bool among(const std::string_view (&words)[n], std::string_view word) noexcept {
  return std::ranges::find(words, word) != std::end(words);
}

std::string_view text_at(JsonCursor& in) noexcept {
  return in.string().value_or(std::string_view());
}

void end_at(JsonCursor& in, std::uint64_t choice, AnswerTally& tally) {
  const std::string_view reason = text_at(in);
  if (!reason.empty()) tally.end(choice, reason);
}

// ---- Cohere ----

struct CohereEvent {
  std::uint64_t index = 0;
  std::vector<CallPiece> calls;
};

void read_cohere_content(JsonCursor& in, AnswerTally& tally) {
  if (in.peek() == '"') return tally.say(0, text_at(in));
  const auto part = [&] {
    in.members([&](std::string_view name) {
      if (name == "text") {
        tally.say(0, text_at(in));
      } else {
        in.skip();
      }
    });
  };
  if (in.peek() == '[') {
    in.elements(part);
  } else {
    part();
  }
}

// Of a whole answer, or in the `delta` of an event, which has one call, or a piece of it.
void read_cohere_message(JsonCursor& in, CohereEvent& event, AnswerTally& tally) {
  in.members([&](std::string_view name) {
    if (name == "content") {
      read_cohere_content(in, tally);
    } else if (name == "tool_calls" && in.peek() == '[') {
      std::uint64_t position = 0;
      in.elements([&] { event.calls.push_back(read_call(in, position++)); });
    } else if (name == "tool_calls" && in.peek() == '{') {
      event.calls.push_back(read_call(in, 0));
    } else {
      in.skip();
    }
  });
}

void read_cohere_members(JsonCursor& in, CohereEvent& event, AnswerTally& tally) {
  in.members([&](std::string_view name) {
    if (name == "message" && in.peek() == '{') {
      read_cohere_message(in, event, tally);
    } else if (name == "message" || name == "error") {
      refuse_if_given(in, kError, tally);
    } else if (name == "delta") {
      read_cohere_members(in, event, tally);
    } else if (name == "finish_reason") {
      end_at(in, 0, tally);
    } else if (name == "text") {  // v1
      tally.say(0, text_at(in));
    } else if (name == "tool_calls") {  // v1
      if (says_something(in.skip())) tally.call(0);
    } else if (name == "search_results") {  // v1
      refuse_if_given(in, kServerTool, tally);
    } else if (name == "index") {
      event.index = in.number().value_or(0);
    } else {
      in.skip();
    }
  });
}

// ---- Bedrock's InvokeModel ----

constexpr std::string_view kNativeTexts[] = {"generation", "outputText", "completion", "text"};
constexpr std::string_view kNativeReasons[] = {"stop_reason", "completionReason", "finish_reason"};
constexpr std::string_view kNativeLists[] = {"outputs", "results", "generations"};
constexpr std::string_view kVectors[] = {"embedding", "embeddings", "embeddingsByType"};

// Llama, Titan, Mistral, Cohere.
void read_native(JsonCursor& in, std::uint64_t position, AnswerTally& tally) {
  in.members([&](std::string_view name) {
    if (among(kNativeTexts, name)) {
      tally.say(position, text_at(in));
    } else if (among(kNativeReasons, name)) {
      end_at(in, position, tally);
    } else if (among(kNativeLists, name) && in.peek() == '[') {
      std::uint64_t next = 0;
      in.elements([&] {
        if (in.peek() == '{') {
          read_native(in, next++, tally);
        } else {
          in.skip();
        }
      });
    } else if (among(kVectors, name)) {
      if (!says_something(in.skip())) return;
      tally.say(position);
      tally.end(position, "stop");
    } else if (name == "error") {
      refuse_if_given(in, kError, tally);
    } else {
      in.skip();
    }
  });
}

PromptCall words_of(std::string_view json) {
  PromptCall words = PromptCall::kInvoke;
  JsonCursor in(json);
  in.members([&](std::string_view name) {
    in.skip();
    if (name == "choices") words = PromptCall::kChat;
    if (name == "type") words = PromptCall::kAnthropic;
    if (name == "output" || name.starts_with("messageSt") || name.starts_with("contentBlock")) {
      words = PromptCall::kConverse;
    }
  });
  return words;
}

void read_invoked(JsonCursor& in, std::string_view json, AnswerTally& tally) {
  switch (words_of(json)) {
    case PromptCall::kChat:
      return read_chat(in, tally);
    case PromptCall::kAnthropic:
      return read_message(in, tally);
    case PromptCall::kConverse:
      return read_converse(in, tally);
    default:
      return read_native(in, 0, tally);
  }
}

// ---- the others ----

void read_cohere(JsonCursor& in, AnswerTally& tally) {
  CohereEvent event;
  read_cohere_members(in, event, tally);
  for (const CallPiece& call : event.calls) {
    tally.call(0, event.index + call.which, call.arguments);
  }
}

void read_ollama(JsonCursor& in, AnswerTally& tally) {
  in.members([&](std::string_view name) {
    if (name == "response") {
      tally.say(0, text_at(in));
    } else if (name == "done_reason") {
      end_at(in, 0, tally);
    } else if (name == "error") {
      refuse_if_given(in, kError, tally);
    } else if (name == "message") {
      in.members([&](std::string_view part) {
        if (part == "content") {
          tally.say(0, text_at(in));
        } else if (part == "tool_calls") {
          if (says_something(in.skip())) tally.call(0);
        } else {
          in.skip();
        }
      });
    } else {
      in.skip();
    }
  });
}

enum class Nothing : std::uint8_t { kAnswers, kIsEmpty };

// What has no choices and no ends: whole JSON without an error.
void read_plain(JsonCursor& in, std::string_view json, Nothing nothing, AnswerTally& tally) {
  in.members([&](std::string_view name) {
    if (name == "error" || name == "errors") {
      refuse_if_given(in, kError, tally);
    } else {
      in.skip();
    }
  });
  tally.end(0, "stop");
  if (nothing == Nothing::kAnswers || says_something(JsonCursor(json).skip())) tally.say(0);
}

void read_by_call(PromptCall call, JsonCursor& in, std::string_view json, AnswerTally& tally) {
  switch (call) {
    case PromptCall::kChat:
      return read_chat(in, tally);
    case PromptCall::kResponses:
      return read_response(in, tally);
    case PromptCall::kAnthropic:
      return read_message(in, tally);
    case PromptCall::kGemini:
      return read_candidates(in, tally);
    case PromptCall::kCohere:
      return read_cohere(in, tally);
    case PromptCall::kConverse:
      return read_converse(in, tally);
    case PromptCall::kInvoke:
      return read_invoked(in, json, tally);
    case PromptCall::kOllama:
      return read_ollama(in, tally);
    case PromptCall::kNumbers:
      return read_plain(in, json, Nothing::kIsEmpty, tally);
    case PromptCall::kNone:
    case PromptCall::kOther:
      break;
  }
  read_plain(in, json, Nothing::kAnswers, tally);
}

}  // namespace

void read_answer(PromptCall call, std::string_view json, AnswerTally& tally) {
  JsonCursor in(json);
  read_by_call(call, in, json, tally);
  if (!in.at_end()) tally.refuse(kMalformed);
}

}  // namespace outrigger::filters
