#include "filters/cache/answer_review.h"

#include <simdjson.h>

#include "filters/cache/answer_readers.h"
#include "filters/classify/answer_kind.h"
#include "filters/classify/usage.h"

namespace outrigger::filters {

AnswerReview::AnswerReview(PromptCall call, config::Dialect dialect, const http::ResponseHead& head,
                           const config::Cache& policy)
    : call_(call), tally_(policy) {
  const std::string_view type = head.headers.get(http::HeaderId::kContentType);
  if (head.status != 200) {
    tally_.refuse(AnswerBar::kStatus);
  } else if (!is_identity(head.headers)) {
    tally_.refuse(AnswerBar::kCoded);
  } else if (const auto framing = framing_of(type)) {
    stream_.emplace(call, dialect, *framing, policy);
  } else if (!is_json_type(type)) {
    tally_.refuse(AnswerBar::kType);
  }
}

std::optional<AnswerBar> AnswerReview::bar() const noexcept {
  return stream_ ? stream_->bar() : tally_.bar();
}

void AnswerReview::add(std::string_view bytes, std::uint32_t after_ms) {
  if (bar()) return;
  if (stream_) {
    stream_->add(bytes, after_ms);
  } else {
    document_ += bytes;
  }
}

ReviewedAnswer AnswerReview::finish() {
  if (bar()) return {.bar = bar()};
  if (stream_) {
    const std::optional<AnswerBar> bar = stream_->verdict();
    return {.bar = bar, .usage = stream_->usage(), .events = stream_->take_marks()};
  }
  if (!simdjson::validate_utf8(document_)) return {.bar = AnswerBar::kMalformed};
  ReviewedAnswer reviewed;
  read_answer(call_, document_, tally_);
  read_usage(document_, reviewed.usage);
  reviewed.bar = tally_.verdict();
  return reviewed;
}

}  // namespace outrigger::filters
