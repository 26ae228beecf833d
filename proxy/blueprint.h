// What the supervisor prepares of one configuration for all workers, so that no worker reads a
// file: the snapshot, TLS contexts, what probes know of endpoints. Immutable once handed over.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "proxy/base/result.h"
#include "proxy/net/destination_policy.h"
#include "proxy/net/tls_context.h"
#include "proxy/upstream/health.h"

namespace outrigger {

using ProbeVerdicts = std::shared_ptr<std::vector<upstream::SharedHealth>>;

// The contexts of one worker: OpenSSL's locks are not shared between threads.
struct WorkerTls {
  std::shared_ptr<TlsServerContext> server;                  // null: the port is plain
  std::vector<std::shared_ptr<TlsClientContext>> upstreams;  // null where no endpoint speaks TLS
  std::shared_ptr<TlsClientContext> forward;                 // null unless forwarding is enabled
};

struct Blueprint {
  config::Snapshot config;
  std::vector<WorkerTls> tls;         // one a worker
  std::vector<ProbeVerdicts> probes;  // one an upstream; null without probes
  DestinationPolicy destinations;
};

// Reads the files that the configuration names. `before` may be null; probe verdicts of upstreams
// whose connections did not change are taken over from it. Error: kConfig, with the file and the
// mend.
Result<std::shared_ptr<const Blueprint>> draw_blueprint(config::Snapshot config, unsigned workers,
                                                        std::shared_ptr<TlsTicketKeys> ticket_keys,
                                                        std::span<const SocketAddress> listeners,
                                                        const Blueprint* before);

}  // namespace outrigger
