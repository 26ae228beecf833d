// What must be settled before anything is served: the process's limits, the addresses, the data
// folder.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "proxy/base/result.h"
#include "proxy/net/address.h"

namespace outrigger {

// Every connection is a descriptor on either side: takes all that the system grants.
void raise_descriptor_limit();
// Credentials pass through memory: no core file and no debugger of the same user (architecture 14).
// Not in debug builds.
void guard_memory();

// Replaces an address by HOST:PORT when there is one. Error: kConfig.
Status override_address(config::ListenAddress& address, const std::optional<std::string>& text);
// An address to bind to; names are not resolved. Error: kConfig.
Result<SocketAddress> to_address(const config::ListenAddress& address);

// Whether any route has idempotency keys: then there must be a store.
[[nodiscard]] bool uses_keys(const config::Config& config);
// Whether answers are kept anywhere.
[[nodiscard]] bool uses_cache(const config::Config& config);
// Whether a reload leaves something of the new settings unapplied: sockets, threads and logs are
// made once, and the store is opened once.
[[nodiscard]] bool needs_restart(const config::Config& running, const config::Config& wanted);

// The values of the configuration that no log may hold.
[[nodiscard]] std::vector<Secret> secrets_of(const config::Config& config);

// The data folder is made when the first thing is stored; that it can be made is checked at the
// start. Error: kSystem.
Status check_store(const std::string& path);

}  // namespace outrigger
