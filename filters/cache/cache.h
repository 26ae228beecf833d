// cache: an answer that is there is not asked for again. Pages (GET, HEAD) by RFC 9111, answers to
// prompts (POST where that only asks) by a contract of our own, since RFC 9111 has none for them.
// Stands inside idempotency, whose replays are nothing of its, and outside all that costs. One a
// route and worker.
#pragma once

#include <optional>

#include "filters/cache/page_cache.h"
#include "filters/cache/prompt_cache.h"

namespace outrigger::filters {

class Cache final : public Filter {
 public:
  // For a route with a cache policy; all arguments outlive the filter.
  Cache(const CacheContext& context, const config::Policies& policies, std::string_view upstream);
  [[nodiscard]] std::string_view name() const noexcept override { return "cache"; }
  // Errors, besides those of the chain: `not_cached`.
  Task<Result<http::Response>> handle(Exchange& exchange, Next next) override;

 private:
  CacheDesk desk_;
  std::optional<PageCache> pages_;
  std::optional<PromptCache> prompts_;
};

}  // namespace outrigger::filters
