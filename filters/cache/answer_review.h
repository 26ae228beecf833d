// Whether an answer to a prompt is complete, valid and finished, so that it may be kept (durability
// 3 item 21): a half answer, a refusal or a flawed one would be given out again and again. Looks at
// the bytes as they pass; of a stream it keeps none, of a document all, to read it at its end.
// Pure; one an answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "filters/cache/answer_bar.h"
#include "filters/cache/entry.h"
#include "filters/cache/prompt_call.h"
#include "filters/cache/stream_review.h"
#include "proxy/http/message.h"

namespace outrigger::filters {

struct ReviewedAnswer {
  std::optional<AnswerBar> bar = {};     // why it is not kept; nothing: keep it
  std::optional<TokenUsage> usage = {};  // as far as it tells
  std::vector<EventMark> events = {};    // of a stream; those of one millisecond are one
};

class AnswerReview {
 public:
  // Of a request that prompt_ruling() let pass: `call` is its, `dialect` the route's.
  AnswerReview(PromptCall call, config::Dialect dialect, const http::ResponseHead& head,
               const config::Cache& policy);

  // Known already: by the head, or by what has passed. It is for good, and nothing that follows
  // need be given.
  [[nodiscard]] std::optional<AnswerBar> bar() const noexcept;
  // The next bytes of the body, so long after the head, in whatever pieces.
  void add(std::string_view bytes, std::uint32_t after_ms);
  // The body has ended as its framing says that it ends; once. A body that did not is not kept,
  // whatever is said here.
  [[nodiscard]] ReviewedAnswer finish();

 private:
  PromptCall call_;
  AnswerTally tally_;  // of a document
  std::optional<StreamReview> stream_;
  std::string document_;
};

}  // namespace outrigger::filters
