// Answers to prompts as providers write them, and what becomes of them when they pass a review.
#pragma once

#include <string>
#include <string_view>

#include "filters/cache/answer_review.h"
#include "tests/unit/http/event_frames.h"

namespace outrigger::filters {

constexpr std::string_view kJsonType = "application/json";
constexpr std::string_view kSseType = "text/event-stream; charset=utf-8";
constexpr std::string_view kLinesType = "application/x-ndjson";
constexpr std::string_view kFramesType = "application/vnd.amazon.eventstream";

inline config::Cache with_calls() {
  config::Cache policy;
  policy.tool_calls = true;
  return policy;
}

// The bytes come in pieces of `step`, each a millisecond after the one before.
inline ReviewedAnswer review(PromptCall call, std::string_view type, std::string_view body,
                             const config::Cache& policy = {}, std::size_t step = 1 << 20,
                             config::Dialect dialect = config::Dialect::kAuto) {
  http::ResponseHead head;
  head.status = 200;
  head.headers.add("content-type", type);
  AnswerReview review(call, dialect, head, policy);
  std::uint32_t now = 0;
  for (std::size_t at = 0; at < body.size(); at += step) {
    const std::string piece(body.substr(at, step));
    review.add(piece, ++now);
  }
  return review.finish();
}

inline std::string verdict(const ReviewedAnswer& answer) {
  return answer.bar ? std::string(to_string(*answer.bar)) : "keep";
}

inline std::string sse(std::initializer_list<std::string_view> events) {
  std::string out;
  for (const std::string_view data : events) out.append("data: ").append(data).append("\n\n");
  return out;
}

// With the type of each event before it, as Anthropic and Responses send it.
inline std::string named_sse(std::initializer_list<std::string_view> events) {
  std::string out;
  for (const std::string_view data : events) {
    const std::size_t begin = data.find("\"type\":\"") + 8;
    out.append("event: ").append(data.substr(begin, data.find('"', begin) - begin));
    out.append("\ndata: ").append(data).append("\n\n");
  }
  return out;
}

inline std::string lines(std::initializer_list<std::string_view> events) {
  std::string out;
  for (const std::string_view data : events) out.append(data) += '\n';
  return out;
}

struct Frame {
  std::string_view type, payload;
};
inline std::string frames(std::initializer_list<Frame> events) {
  std::string out;
  for (const Frame& each : events) out += http::event_frame(each.type, each.payload);
  return out;
}
inline std::string chunks(std::initializer_list<std::string_view> events) {
  std::string out;
  for (const std::string_view each : events) out += http::chunk_frame(each);
  return out;
}

}  // namespace outrigger::filters
