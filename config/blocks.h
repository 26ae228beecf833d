// Which block each configuration struct is bound to. Include before `field<>` is used on its
// members.
#pragma once

#include "config/codecs.h"

namespace outrigger::config {

template <>
const Block& block_of<Server>();
template <>
const Block& block_of<ServerTls>();
template <>
const Block& block_of<ServerLimits>();
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
const Block& upstream_match_block();  // bound to Upstream

}  // namespace outrigger::config
