#include "filters/cache/cache.h"

#include "filters/retry/safety.h"

namespace outrigger::filters {

Cache::Cache(const CacheContext& context, const config::Policies& policies,
             std::string_view upstream)
    : desk_(context, policies, upstream) {
  if (policies.cache->http) pages_.emplace(desk_);
  if (policies.cache->ttl) prompts_.emplace(desk_);
}

// No frame of its own.
Task<Result<http::Response>> Cache::handle(Exchange& exchange, Next next) {
  const http::Method method = exchange.request.head.method;
  const bool safe = replay_class(desk_.policies(), method, KeySent::kNo) == config::Replay::kSafe;
  if (http::is_safe(method)) {
    const bool page = method == http::Method::kGet || method == http::Method::kHead;
    return pages_ && page && safe ? pages_->handle(exchange, next) : next(exchange);
  }
  if (prompts_ && method == http::Method::kPost && safe) return prompts_->handle(exchange, next);
  if (pages_ && method != http::Method::kConnect) return pages_->handle_write(exchange, next);
  return next(exchange);
}

}  // namespace outrigger::filters
