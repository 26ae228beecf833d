#include "filters/cache/stream_review.h"

#include <limits>

#include "filters/cache/answer_readers.h"
#include "filters/classify/answer_kind.h"
#include "filters/classify/usage.h"
#include "proxy/base/base64.h"

namespace outrigger::filters {
namespace {

using http::EventKind;
using http::StreamFraming;

http::Dialect grammar(PromptCall call, config::Dialect dialect, StreamFraming framing) noexcept {
  const http::Dialect own = dialect_of(call);
  const bool known = framing == StreamFraming::kSse && own != http::Dialect::kAuto;
  return known ? own : stream_dialect(dialect, framing);
}

// How the call streams; another framing is none that we can read.
bool fits(PromptCall call, StreamFraming framing) noexcept {
  switch (call) {
    case PromptCall::kNone:
    case PromptCall::kNumbers:
      return false;
    case PromptCall::kOther:
      return true;
    case PromptCall::kConverse:
    case PromptCall::kInvoke:
      return framing == StreamFraming::kFrames;
    case PromptCall::kOllama:
      return framing == StreamFraming::kLines;
    default:
      return framing == StreamFraming::kSse;
  }
}

// Behind the reason to stop comes something more, which its clients wait for.
bool closes(PromptCall call) noexcept {
  return call == PromptCall::kChat || call == PromptCall::kConverse || call == PromptCall::kInvoke;
}

// The `bytes` of a chunk of InvokeModelWithResponseStream (RFC 4648 4).
bool decode_chunk(std::string_view json, std::string& out) {
  std::string_view text;
  JsonCursor in(json);
  in.members([&](std::string_view name) {
    if (name == "bytes") {
      text = in.string().value_or("");
    } else {
      in.skip();
    }
  });
  if (!in.at_end()) return false;
  return decode_base64(text, out);
}

}  // namespace

StreamReview::StreamReview(PromptCall call, config::Dialect dialect, StreamFraming framing,
                           const config::Cache& policy)
    : call_(call), stream_(grammar(call, dialect, framing), framing), tally_(policy) {
  if (!fits(call, framing)) tally_.refuse(AnswerBar::kType);
}

void StreamReview::add(std::string_view bytes, std::uint32_t after_ms) {
  while (!bytes.empty()) {
    const std::string_view before = bytes;
    const std::optional<EventKind> kind = stream_.next(bytes);
    offset_ += before.size() - bytes.size();
    if (!kind) continue;
    mark(after_ms);
    take(*kind);
  }
}

std::optional<AnswerBar> StreamReview::verdict() {
  if (bar()) return bar();
  if (!stream_.at_boundary() || !stream_.complete() || (closes(call_) && !last_))
    return AnswerBar::kTruncated;
  if (call_ == PromptCall::kOther) {
    return spoke_ ? std::nullopt : std::optional(AnswerBar::kEmpty);
  }
  return tally_.verdict();
}

void StreamReview::take(EventKind kind) {
  const std::string_view data = stream_.data();
  if (kind == EventKind::kError) return tally_.refuse(AnswerBar::kError);
  if (data.find_first_not_of(" \t\r") == std::string_view::npos) return;
  spoke_ = true;
  if (data == "[DONE]") {
    last_ = true;
    return;
  }
  switch (call_) {
    case PromptCall::kOther:
      read_usage(data, usage_);
      return;
    case PromptCall::kResponses:  // the last event has all of the answer
      if (kind != EventKind::kTerminal) return;
      read_usage(data, usage_);
      return read_last_response(data, tally_);
    case PromptCall::kInvoke:
      if (!decode_chunk(data, decoded_)) return tally_.refuse(AnswerBar::kMalformed);
      last_ = decoded_.contains("amazon-bedrock-invocationMetrics");
      return read(decoded_);
    case PromptCall::kConverse:
      if (stream_.type() == "metadata") last_ = true;
      return read(data);
    default:
      return read(data);
  }
}

void StreamReview::read(std::string_view json) {
  read_usage(json, usage_);
  read_answer(call_, json, tally_);
}

void StreamReview::mark(std::uint32_t after_ms) {
  if (offset_ > std::numeric_limits<std::uint32_t>::max()) return;
  if (marks_.empty() || marks_.back().after_ms != after_ms) marks_.push_back({0, after_ms});
  marks_.back().end = static_cast<std::uint32_t>(offset_);
}

}  // namespace outrigger::filters
