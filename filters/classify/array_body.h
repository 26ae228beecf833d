// A stream of the elements of one JSON array: passed as they come, and broken off, not ended, where
// the array lacks its end. Gemini streams so without alt=sse (llm 2.3).
#pragma once

#include <string>

#include "filters/classify/attempt_judge.h"
#include "proxy/base/json_checker.h"
#include "proxy/http/body.h"

namespace outrigger::filters {

class ArrayBody final : public http::BodySource {
 public:
  ArrayBody(const AttemptJudge& judge, http::Body body) noexcept
      : judge_(judge), inner_(std::move(body)) {}
  // Error, besides those of the inner body: `http_response_incomplete`.
  Task<Result<Slice>> read(CancelScope& scope) override;
  [[nodiscard]] bool ready() const noexcept override { return inner_.ready(); }
  [[nodiscard]] const http::Headers* trailers() const noexcept override {
    return inner_.trailers();
  }

 private:
  void note_usage(std::string_view piece);

  AttemptJudge judge_;
  http::Body inner_;
  JsonChecker checker_;
  std::string tail_;  // what came last, where somebody wants the usage
};

}  // namespace outrigger::filters
