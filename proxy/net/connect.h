// Connecting to the first of several addresses that answers (RFC 8305, "happy eyeballs").
#pragma once

#include <span>

#include "proxy/base/result.h"
#include "proxy/net/address.h"
#include "proxy/net/fd.h"
#include "proxy/runtime/cancel.h"
#include "proxy/runtime/event_loop.h"
#include "proxy/runtime/task.h"

namespace outrigger {

// How long one attempt runs before the next address is tried beside it (RFC 8305 section 8).
inline constexpr Duration kConnectionAttemptDelay = 250ms;

// Tries the addresses in their order: the next one starts when an attempt failed or has taken
// kConnectionAttemptDelay. The first connection wins; the others are closed. `addresses` must
// outlive the task. The descriptor is non-blocking, close-on-exec, with TCP_NODELAY. There is no
// timeout but the scope's. Errors: kConnect, origin upstream, with connection_refused,
// connection_timeout, destination_ip_unroutable or destination_unavailable, and what became of each
// address; kSystem, origin proxy, when this host could not even try.
Task<Result<Fd>> connect_any(EventLoop& loop, std::span<const SocketAddress> addresses,
                             CancelScope& scope);

}  // namespace outrigger
