// The grammars of streamed answers (llm 2.3): which event says something, which is an error, and
// whether a stream that ended is whole. Sans-IO; one tracker a stream.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/http/dialect_facts.h"

namespace outrigger::http {

enum class Dialect : std::uint8_t {
  kAuto,    // the first event tells
  kOpenai,  // kChat or kResponses: the first event tells
  kChat,    // chat completions, and legacy completions
  kResponses,
  kAnthropic,
  kGemini,
  kCohere,   // v2
  kBedrock,  // ConverseStream and InvokeModelWithResponseStream
  kNdjson,   // and Ollama's
  kSse       // no grammar but the event stream's own
};

enum class EventKind : std::uint8_t {
  kNothing,   // a ping, a comment, a role, an envelope: the answer has not begun
  kSemantic,  // output
  kTerminal,  // the end of the answer
  kError
};

// One event as a tracker sees it: an SSE block with data, a line, or a frame. Borrowed.
struct StreamEvent {
  std::string_view type;  // the `event` field, or a frame's event type; empty when there is none
  std::string_view data;
  bool truncated = false;  // data lacks its end: it was too large to keep
};

class DialectTracker {
 public:
  explicit DialectTracker(Dialect dialect) noexcept : dialect_(dialect) {}

  EventKind take(const StreamEvent& event);
  // An error that its framing tells already.
  EventKind fail() noexcept {
    failed_ = true;
    return EventKind::kError;
  }
  // Whether a stream that ended behind the last event is whole: by its terminator, or because the
  // upstream itself told of its failure. Where an event could not be read it gets the benefit of
  // the doubt.
  [[nodiscard]] bool complete() const noexcept;
  // Complete whatever follows: its terminator came, or the upstream's word that it failed.
  [[nodiscard]] bool over() const noexcept { return terminated_ || failed_; }
  // What it is by now; kAuto as long as no event told.
  [[nodiscard]] Dialect dialect() const noexcept { return dialect_; }
  // The sequence number of the next event (Responses).
  [[nodiscard]] std::uint64_t next_sequence() const noexcept { return next_sequence_; }

 private:
  void recognise(const StreamEvent& event, const EventFacts& facts) noexcept;
  EventKind judge(const StreamEvent& event, const EventFacts& facts);
  EventKind chat(const StreamEvent& event, const EventFacts& facts) noexcept;
  EventKind responses(std::string_view type, const EventFacts& facts) noexcept;
  EventKind anthropic(std::string_view type, const EventFacts& facts) noexcept;
  EventKind gemini(const StreamEvent& event, const EventFacts& facts) noexcept;
  EventKind cohere(std::string_view type, const EventFacts& facts) noexcept;
  EventKind bedrock(const StreamEvent& event, const EventFacts& facts);
  EventKind bedrock_chunk(const EventFacts& facts);
  EventKind line(const StreamEvent& event, const EventFacts& facts) noexcept;

  Dialect dialect_;
  bool terminated_ = false;
  bool failed_ = false;      // an error event came
  bool doubt_ = false;       // an event could not be read
  bool whole_line_ = true;   // the last line was JSON
  bool done_known_ = false;  // lines have `done`
  std::int64_t open_blocks_ = 0;
  ChoiceSet seen_, finished_;
  std::uint64_t next_sequence_ = 0;
  std::string decoded_;  // of the last chunk of Bedrock; keeps its memory
};

}  // namespace outrigger::http
