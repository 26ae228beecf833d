// Answers to GET and HEAD by RFC 9111: given while they are fresh, validated when they are not,
// given stale where that is allowed, dropped when somebody writes to their URL. Who asks for one
// that is on its way joins it. One a route and worker.
#pragma once

#include <optional>

#include "filters/cache/cache_desk.h"
#include "filters/cache/page_keeper.h"
#include "filters/cache/reuse.h"

namespace outrigger::filters {

class PageCache {
 public:
  explicit PageCache(CacheDesk& desk) noexcept : desk_(desk), policy_(*desk.policy().http) {}

  // Of GET and HEAD. Errors, besides those of the chain: `not_cached`, the client wanted nothing
  // else.
  Task<Result<http::Response>> handle(Exchange& exchange, Next next);
  // Of all that may write.
  Task<Result<http::Response>> handle_write(Exchange& exchange, Next next);

 private:
  using Outcome = Task<Result<http::Response>>;

  [[nodiscard]] bool takes_part(const Exchange& exchange) const noexcept;
  [[nodiscard]] CacheKey url_key(const Exchange& exchange, std::string_view target) const;
  [[nodiscard]] PageAsk ask(const Exchange& exchange) const;
  void look_in_memory(const Exchange& exchange, PageAsk& ask) const;
  Task<void> look(const Exchange& exchange, PageAsk& ask) const;
  [[nodiscard]] bool may_fill(const Exchange& exchange, const PageAsk& ask) const noexcept;
  [[nodiscard]] Forward forward(const Exchange& exchange, const PageAsk& ask) const;

  Outcome pass(Exchange& exchange, Next next, const PageAsk& ask, CacheStatus status) const;
  void learn(const Exchange& exchange, const PageAsk& ask, const http::ResponseHead& answer,
             std::int64_t requested_us) const;
  Outcome shadow(Exchange& exchange, Next next, PageAsk ask);
  Outcome fetch(Exchange& exchange, Next next, PageAsk ask);
  void lead(Exchange& exchange, Next next, const PageAsk& ask, CacheDesk::Trip& trip);
  void refresh(Exchange& exchange, Next next, const PageAsk& ask);
  // Nothing: the answer is not for this client, which has to ask again.
  [[nodiscard]] std::optional<Result<http::Response>> settle(Exchange& exchange, const PageAsk& ask,
                                                             CacheDesk::Trip& trip,
                                                             Result<StoredHead> head) const;
  [[nodiscard]] bool may_give(const Exchange& exchange, const PageAsk& ask) const;
  [[nodiscard]] std::optional<http::Response> stored(Exchange& exchange, const PageAsk& ask) const;
  [[nodiscard]] http::Response give(Exchange& exchange, const PageAsk& ask,
                                    const CacheEntryPtr& entry, CacheStatus status) const;

  CacheDesk& desk_;
  const config::PageCache& policy_;
};

}  // namespace outrigger::filters
