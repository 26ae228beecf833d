#include "filters/explain/cache_plan.h"

#include <fmt/format.h>

#include "config/units.h"
#include "filters/cache/cache_directives.h"
#include "filters/cache/prompt_key.h"
#include "filters/cache/prompt_rules.h"
#include "filters/retry/safety.h"

namespace outrigger::filters {
namespace {

std::string plan_page(const http::RequestHead& head, const config::Policies& policies) {
  const config::Cache& cache = *policies.cache;
  if (!cache.http) return "no part in it: cache.http is none";
  if (request_directives(head.headers).no_store) return "no part in it: the request says no-store";
  const bool shared = cache.http->mode == config::PageCache::Mode::kShared;
  return fmt::format("by RFC 9111, {}",
                     shared ? "one store for all clients" : "each owner by itself");
}

std::string plan_prompt(const http::RequestHead& head, const std::optional<std::string_view>& body,
                        const config::Policies& policies) {
  const config::Cache& cache = *policies.cache;
  if (!cache.ttl) return "no part in it: cache.ttl is none";
  if (request_directives(head.headers).no_store) return "no part in it: the request says no-store";
  if (!body) return "depends on the body";
  const PromptRuling ruling = prompt_ruling(head, *body, policies.dialect, cache);
  if (ruling.bar) return fmt::format("no part in it: {}", to_string(*ruling.bar));
  if (const auto key = prompt_key(head, *body, cache, {}); !key) {
    return fmt::format("no part in it: {}", to_string(key.error()));
  }
  const bool joins = cache.collapse && (!ruling.may_call_tools || cache.tool_calls);
  return fmt::format("the answer to this prompt is given again for {}; {}",
                     config::print_duration(*cache.ttl),
                     joins ? "who asks for it meanwhile joins" : "each asks for itself meanwhile");
}

}  // namespace

std::string plan_cache(const http::RequestHead& head, const std::optional<std::string_view>& body,
                       const config::Policies& policies) {
  if (!policies.cache) return {};
  const bool page = head.method == http::Method::kGet || head.method == http::Method::kHead;
  const bool safe = replay_class(policies, head.method, KeySent::kNo) == config::Replay::kSafe;
  if (page && safe) return plan_page(head, policies);
  if (head.method == http::Method::kPost && safe) return plan_prompt(head, body, policies);
  if (!http::is_safe(head.method) && policies.cache->http) {
    return "drops what is stored of its URL, once it has succeeded";
  }
  return "no part in it";
}

}  // namespace outrigger::filters
