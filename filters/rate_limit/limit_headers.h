// What the headers of an answer say of the provider's limits, in all their spellings (llm 2.4):
// found by the words of their names, so that a provider we have not seen is read as well. Pure, for
// any bytes.
//
//   OpenAI     x-ratelimit-{limit,remaining,reset}-{requests,tokens}: "6m0s", "12ms"
//   Azure      the same with whole seconds; -1 when it is not known
//   Anthropic  anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,…}: RFC 3339
//   Mistral    x-ratelimit-{limit,remaining}-{req,tokens}-minute
//   GitHub     x-ratelimit-{limit,remaining,reset}: a moment, at which a window ends
//   HubSpot    x-hubspot-ratelimit-{max,remaining,interval-milliseconds}, -secondly, -daily
//   IETF       ratelimit-{limit,remaining,reset}; ratelimit: "name";r=50;t=30
#pragma once

#include <array>
#include <cstdint>

#include "filters/limits/limit_core.h"
#include "filters/rate_limit/allowance.h"
#include "proxy/http/headers.h"

namespace outrigger::filters {

// What a provider counts.
enum class Counted : std::uint8_t { kRequests, kTokens, kInputTokens, kOutputTokens };
inline constexpr std::size_t kCountedThings = 4;

struct LimitNews {
  std::array<Quota, kCountedThings> quotas;  // by Counted; of several limits the scarcest
  bool any = false;
  [[nodiscard]] bool counts_tokens() const noexcept {
    return quotas[1].known() || quotas[2].known() || quotas[3].known();
  }
};

// `now`: seconds since 1970 UTC; the answer's Date stands for it.
[[nodiscard]] LimitNews read_limits(const http::Headers& headers, double now);

}  // namespace outrigger::filters
