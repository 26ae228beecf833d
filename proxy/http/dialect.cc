#include "proxy/http/dialect.h"

#include <algorithm>
#include <array>
#include <optional>

#include "proxy/base/base64.h"
#include "proxy/base/json_checker.h"

namespace outrigger::http {
namespace {

constexpr std::string_view kDone = "[DONE]";

template <std::size_t n>
bool one_of(std::string_view word, const std::array<std::string_view, n>& words) noexcept {
  return std::ranges::find(words, word) != words.end();
}

constexpr std::array<std::string_view, 8> kAnthropicTypes = {
    "message_start",       "message_delta",      "message_stop", "content_block_start",
    "content_block_delta", "content_block_stop", "ping",         "error"};
constexpr std::array<std::string_view, 11> kCohereTypes = {
    "message-start", "message-end",     "content-start",   "content-delta",
    "content-end",   "tool-plan-delta", "tool-call-start", "tool-call-delta",
    "tool-call-end", "citation-start",  "citation-end"};

// The answer has not begun, or an item is announced that is empty still.
constexpr std::array<std::string_view, 7> kResponsesNothing = {
    "response.created",
    "response.in_progress",
    "response.queued",
    "response.output_item.added",
    "response.content_part.added",
    "response.reasoning_summary_part.added",
    "keepalive"};

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

}  // namespace

EventKind DialectTracker::take(const StreamEvent& event) {
  EventFacts facts;
  if (dialect_ != Dialect::kSse && event.data != kDone) read_facts(event.data, facts);
  if (facts.sequence) next_sequence_ = *facts.sequence + 1;
  if (dialect_ == Dialect::kAuto || dialect_ == Dialect::kOpenai) recognise(event, facts);
  if (event.truncated && event.type.empty()) doubt_ = true;
  const EventKind kind = judge(event, facts);
  if (kind == EventKind::kError) failed_ = true;
  return kind;
}

bool DialectTracker::complete() const noexcept {
  if (failed_ || doubt_) return true;
  switch (dialect_) {
    case Dialect::kChat:
      return terminated_ || (!seen_.empty() && seen_ == finished_);
    case Dialect::kAnthropic:
    case Dialect::kBedrock:
      return terminated_ && open_blocks_ <= 0;
    case Dialect::kNdjson:
      return whole_line_ && (terminated_ || !done_known_);
    case Dialect::kSse:
      return true;
    default:
      return terminated_;
  }
}

void DialectTracker::recognise(const StreamEvent& event, const EventFacts& facts) noexcept {
  const bool openai = dialect_ == Dialect::kOpenai;
  const std::string_view type = facts.type.empty() ? event.type : facts.type;
  if (type == "ping" || type == "keepalive") return;
  if (type.starts_with("response.")) {
    dialect_ = Dialect::kResponses;
  } else if (openai) {
    // An `error` of its own type is the Responses API's; chat has no types.
    dialect_ = facts.type == "error" ? Dialect::kResponses : Dialect::kChat;
  } else if (facts.choices || event.data == kDone || facts.object_name.contains("completion")) {
    dialect_ = Dialect::kChat;
  } else if (facts.candidates || facts.numeric_error) {
    dialect_ = Dialect::kGemini;
  } else if (one_of(type, kCohereTypes)) {
    dialect_ = Dialect::kCohere;
  } else if (facts.type == "error" && facts.sequence) {
    dialect_ = Dialect::kResponses;
  } else if (one_of(facts.type, kAnthropicTypes)) {
    dialect_ = Dialect::kAnthropic;
  } else if (facts.error) {
    dialect_ = Dialect::kChat;
  } else {
    dialect_ = Dialect::kSse;
  }
}

EventKind DialectTracker::judge(const StreamEvent& event, const EventFacts& facts) {
  const std::string_view type = event.type.empty() ? facts.type : event.type;
  switch (dialect_) {
    case Dialect::kAuto:
    case Dialect::kOpenai:
      return EventKind::kNothing;  // a ping before anything that tells
    case Dialect::kChat:
      return chat(event, facts);
    case Dialect::kResponses:
      return responses(type, facts);
    case Dialect::kAnthropic:
      return anthropic(type, facts);
    case Dialect::kGemini:
      return gemini(event, facts);
    case Dialect::kCohere:
      return cohere(type, facts);
    case Dialect::kBedrock:
      return bedrock(event, facts);
    case Dialect::kNdjson:
      return line(event, facts);
    case Dialect::kSse:
      return event.type == "error" ? EventKind::kError : EventKind::kSemantic;
  }
  return EventKind::kSemantic;
}

// Complete by either signal: every choice that was seen has its finish_reason, or [DONE] came.
EventKind DialectTracker::chat(const StreamEvent& event, const EventFacts& facts) noexcept {
  if (event.data == kDone) {
    terminated_ = true;
    return EventKind::kTerminal;
  }
  if (facts.error || event.type == "error") return EventKind::kError;
  if (!facts.object) return EventKind::kSemantic;
  if (facts.unreadable_choice) doubt_ = true;
  seen_.add(facts.seen);
  finished_.add(facts.finished);
  if (!facts.finished.empty() && seen_ == finished_) return EventKind::kTerminal;
  return facts.output || !facts.finished.empty() ? EventKind::kSemantic : EventKind::kNothing;
}

EventKind DialectTracker::responses(std::string_view type, const EventFacts& facts) noexcept {
  if (type == "error" || type == "response.failed" || (type.empty() && facts.error)) {
    return EventKind::kError;
  }
  if (type == "response.completed" || type == "response.incomplete" ||
      type == "response.cancelled") {
    terminated_ = true;
    return EventKind::kTerminal;
  }
  return one_of(type, kResponsesNothing) ? EventKind::kNothing : EventKind::kSemantic;
}

// Unknown events must be ignored (Anthropic's versioning policy); every block that was begun must
// be ended.
EventKind DialectTracker::anthropic(std::string_view type, const EventFacts& facts) noexcept {
  if (type == "error" || (type.empty() && facts.error)) return EventKind::kError;
  if (type == "content_block_start") {
    ++open_blocks_;
    return facts.content ? EventKind::kSemantic : EventKind::kNothing;
  }
  if (type == "content_block_stop") --open_blocks_;
  if (type == "message_stop") {
    terminated_ = true;
    return EventKind::kTerminal;
  }
  return type == "content_block_delta" || type == "message_delta" ? EventKind::kSemantic
                                                                  : EventKind::kNothing;
}

EventKind DialectTracker::gemini(const StreamEvent& event, const EventFacts& facts) noexcept {
  if (facts.error || event.type == "error") return EventKind::kError;
  if (facts.finish_reason || facts.blocked) {
    terminated_ = true;
    return EventKind::kTerminal;
  }
  return facts.output || !facts.object ? EventKind::kSemantic : EventKind::kNothing;
}

EventKind DialectTracker::cohere(std::string_view type, const EventFacts& facts) noexcept {
  if (type == "error" || facts.error || facts.message) return EventKind::kError;
  if (type == "message-end") {
    if (facts.delta_finish == "ERROR" || facts.delta_finish == "TIMEOUT") return EventKind::kError;
    terminated_ = true;
    return EventKind::kTerminal;
  }
  constexpr std::array<std::string_view, 6> kNothing = {
      "message-start", "content-start", "content-end", "tool-call-end", "citation-end", "debug"};
  return one_of(type, kNothing) ? EventKind::kNothing : EventKind::kSemantic;
}

// Exceptions never come here: a frame says itself what it is.
EventKind DialectTracker::bedrock(const StreamEvent& event, const EventFacts& facts) {
  if (event.type == "chunk") return bedrock_chunk(facts);
  if (event.type == "messageStop") {
    terminated_ = true;
    return EventKind::kTerminal;
  }
  return event.type == "contentBlockDelta" ? EventKind::kSemantic : EventKind::kNothing;
}

// The model's own event in base64: Anthropic's have types, the others' end is told by a reason.
EventKind DialectTracker::bedrock_chunk(const EventFacts& facts) {
  EventFacts inner;
  if (!decode_base64(facts.bytes, decoded_) || !read_facts(decoded_, inner)) {
    doubt_ = true;
    return EventKind::kSemantic;
  }
  if (one_of(inner.type, kAnthropicTypes)) return anthropic(inner.type, inner);
  if (!inner.stop) return inner.error ? EventKind::kError : EventKind::kSemantic;
  terminated_ = true;
  return EventKind::kTerminal;
}

EventKind DialectTracker::line(const StreamEvent& event, const EventFacts& facts) noexcept {
  if (trimmed(event.data).empty()) return EventKind::kNothing;
  whole_line_ = event.truncated || facts.object || is_json(event.data);
  if (facts.error) return EventKind::kError;
  if (facts.done_known) done_known_ = true;
  if (!facts.done) return EventKind::kSemantic;
  terminated_ = true;
  return EventKind::kTerminal;
}

}  // namespace outrigger::http
