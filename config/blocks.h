// Which block each configuration struct is bound to. Include before `field<>` is used on its
// members.
#pragma once

#include <array>

#include "config/codecs.h"

namespace outrigger::config {

// Words of an enum that several blocks have.
inline constexpr std::array<std::string_view, 4> kOwnerWords = {"credential", "certificate",
                                                                "header", "anyone"};
template <>
inline constexpr std::span<const std::string_view> kWordsOf<KeyOwner> = kOwnerWords;

template <>
const Block& block_of<Server>();
template <>
const Block& block_of<ServerTls>();
template <>
const Block& block_of<ServerLimits>();
template <>
const Block& block_of<Overload>();
template <>
const Block& block_of<Watermarks>();
template <>
const Block& block_of<ReplayBuffers>();
template <>
const Block& block_of<Forward>();
template <>
const Block& block_of<Drain>();
template <>
const Block& block_of<AccessLog>();
template <>
const Block& block_of<Store>();
template <>
const Block& block_of<Timeouts>();
template <>
const Block& block_of<UpstreamTls>();
template <>
const Block& block_of<PoolLimits>();
template <>
const Block& block_of<Health>();
template <>
const Block& block_of<ActiveHealth>();
template <>
const Block& block_of<PassiveHealth>();
template <>
const Block& block_of<RouteMatch>();
template <>
const Block& block_of<Progress>();
template <>
const Block& block_of<ClassifyRule>();
template <>
const Block& block_of<Retry>();
template <>
const Block& block_of<Backoff>();
template <>
const Block& block_of<Hints>();
template <>
const Block& block_of<RetryBudget>();
template <>
const Block& block_of<Verify>();
const Block& verify_found_block();  // bound to Verify
template <>
const Block& block_of<Commit>();
template <>
const Block& block_of<CircuitBreaker>();
template <>
const Block& block_of<SlowCalls>();
template <>
const Block& block_of<BreakerOpen>();
template <>
const Block& block_of<HalfOpen>();
template <>
const Block& block_of<LimitQueue>();
template <>
const Block& block_of<RateLimit>();
template <>
const Block& block_of<Concurrency>();
template <>
const Block& block_of<Hedge>();
template <>
const Block& block_of<LoopGuard>();
template <>
const Block& block_of<Idempotency>();
template <>
const Block& block_of<UpstreamKey>();
template <>
const Block& block_of<OnClientGone>();
template <>
const Block& block_of<Cache>();
const Block& cache_if_block();  // bound to Cache
template <>
const Block& block_of<PageCache>();
template <>
const Block& block_of<CacheStore>();
template <>
const Block& block_of<FixedAnswer>();
template <>
const Block& block_of<Fallback>();
template <>
const Block& block_of<Repair>();
template <>
const Block& block_of<Validate>();
template <>
const Block& block_of<AwsSigning>();
template <>
const Block& block_of<Credentials>();
const Block& upstream_match_block();  // bound to Upstream

// The fields of Policies, which defaults, profiles, upstreams and routes share.
extern const std::array<Field, 25> kPolicyFields;

}  // namespace outrigger::config
