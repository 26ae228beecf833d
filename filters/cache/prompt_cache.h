// Answers to POST where that only asks (`replay: safe`): who sends the same prompt again gets the
// answer that is there, or joins the one on its way (durability 1.3, 3 items 20 to 25; llm 3). The
// request is hashed and never changed; what the answer saved is said in its head. One a route and
// worker.
#pragma once

#include <expected>
#include <string>

#include "filters/cache/cache_desk.h"
#include "filters/cache/cache_directives.h"
#include "filters/cache/prompt_bar.h"
#include "filters/cache/prompt_keeper.h"

namespace outrigger::filters {

class PromptCache {
 public:
  explicit PromptCache(CacheDesk& desk) noexcept : desk_(desk) {}
  // Errors, besides those of the chain: `not_cached`, the client wanted nothing else.
  Task<Result<http::Response>> handle(Exchange& exchange, Next next);

 private:
  using Outcome = Task<Result<http::Response>>;

  [[nodiscard]] std::expected<PromptAsk, PromptBar> ask(const Exchange& exchange,
                                                        std::string_view body) const;
  [[nodiscard]] bool may_give(const CacheEntryPtr& entry, const RequestDirectives& wishes,
                              std::int64_t now_us) const noexcept;
  [[nodiscard]] http::Response give(Exchange& exchange, const PromptAsk& ask,
                                    const CacheEntryPtr& entry) const;
  Outcome pass(Exchange& exchange, Next next, CacheStatus status) const;
  Outcome fetch(Exchange& exchange, Next next, PromptAsk ask, RequestDirectives wishes);

  CacheDesk& desk_;
};

}  // namespace outrigger::filters
