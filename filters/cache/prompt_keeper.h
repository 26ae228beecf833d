// What of an answer to a prompt is kept: what its review calls complete, valid and finished, of an
// attempt that the classifier calls good. One a fill.
#pragma once

#include <optional>
#include <string>

#include "filters/cache/answer_keeper.h"
#include "filters/cache/answer_review.h"
#include "filters/cache/cache_desk.h"

namespace outrigger::filters {

// One prompt, as the cache sees it.
struct PromptAsk {
  CacheKey key{};
  PromptCall call = PromptCall::kNone;
  bool may_call_tools = false;
  std::string model;
  CacheEntryPtr entry;  // that is too old
};

class PromptKeeper final : public AnswerKeeper, public StaleAnswer {
 public:
  PromptKeeper(const CacheDesk& desk, PromptAsk ask, std::int64_t now_us);

  Take begin(Exchange& exchange, const http::Response& response, Flight& flight) override;
  void see(std::string_view bytes, std::uint64_t offset) override;
  std::optional<Kept> finish(Exchange& exchange) override;
  [[nodiscard]] StaleAnswer* stale() noexcept override {
    return ask_.entry == nullptr ? nullptr : this;
  }
  [[nodiscard]] bool within(Duration most) const override;
  http::Response give() override;

 private:
  const CacheDesk& desk_;
  const PromptAsk ask_;
  const std::int64_t requested_us_;
  std::optional<AnswerReview> review_;
  StoredHead head_;
  Dispatcher* loop_ = nullptr;
  TimePoint began_;
};

}  // namespace outrigger::filters
