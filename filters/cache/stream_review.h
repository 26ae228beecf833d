// Whether a streamed answer is whole and may be kept, found out as its bytes pass. Pure; one a
// stream.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "filters/cache/answer_tally.h"
#include "filters/cache/entry.h"
#include "filters/cache/prompt_call.h"
#include "proxy/http/dialect_stream.h"

namespace outrigger::filters {

class StreamReview {
 public:
  // `dialect` is the route's, for kOther.
  StreamReview(PromptCall call, config::Dialect dialect, http::StreamFraming framing,
               const config::Cache& policy);

  // The next bytes, so long after the head.
  void add(std::string_view bytes, std::uint32_t after_ms);
  // Of what was seen so far. It is for good: there is no way back.
  [[nodiscard]] std::optional<AnswerBar> bar() const noexcept { return tally_.bar(); }
  // The stream has ended, cleanly. Stricter than the check on its way to the client, where a stream
  // that might be whole gets the benefit of the doubt: its very last event has to be there.
  [[nodiscard]] std::optional<AnswerBar> verdict();
  [[nodiscard]] const std::optional<TokenUsage>& usage() const noexcept { return usage_; }
  // Where events ended; of those of one millisecond the last.
  [[nodiscard]] std::vector<EventMark> take_marks() noexcept { return std::move(marks_); }

 private:
  void take(http::EventKind kind);
  void read(std::string_view json);
  void mark(std::uint32_t after_ms);

  PromptCall call_;
  http::DialectStream stream_;
  AnswerTally tally_;
  std::optional<TokenUsage> usage_;
  std::vector<EventMark> marks_;
  std::uint64_t offset_ = 0;
  bool spoke_ = false;  // an event with data came
  bool last_ = false;   // what closes the stream of that call came
  std::string decoded_;
};

}  // namespace outrigger::filters
