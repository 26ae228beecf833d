// Names to addresses by c-ares on a worker's loop, with a cache that honours TTLs. One resolver a
// worker, on its thread. Opens nothing until the first name is asked for.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/duration.h"
#include "proxy/base/result.h"
#include "proxy/net/address.h"
#include "proxy/net/dns_cache.h"
#include "proxy/net/dns_channel.h"
#include "proxy/runtime/cancel.h"
#include "proxy/runtime/event_loop.h"
#include "proxy/runtime/task.h"

namespace outrigger {

struct ResolverSettings {
  std::vector<std::string> servers;  // "host:port"; empty: those of /etc/resolv.conf
  Duration timeout = 2s;             // of the first try; each further round doubles it
  int tries = 3;
  Duration resolution_delay = 50ms;  // how long A waits for AAAA (RFC 8305 section 3)
  Duration stale_after =
      1800ms;  // a slow query is answered with stale addresses (RFC 8767 section 5)
  DnsCache::Settings cache;
};

class Resolver {
 public:
  explicit Resolver(EventLoop& loop, ResolverSettings settings = {});
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  ~Resolver();

  // The addresses of a canonical host, IPv6 and IPv4 alternating (RFC 8305 section 4), at least
  // one. IP literals and localhost (RFC 6761) need no query; concurrent questions share one;
  // cancelling a scope withdraws one asker only. `host` must outlive the task. When DNS fails,
  // addresses that expired less than DnsCache::Settings::max_stale ago are given. Errors: kResolve,
  // origin upstream, with dns_error or dns_timeout.
  Task<Result<std::vector<SocketAddress>>> resolve(std::string_view host, std::uint16_t port,
                                                   CancelScope& scope);

  // Names being asked for.
  [[nodiscard]] std::size_t queries() const noexcept { return queries_.size(); }

 private:
  class Query;
  class Waiter;
  // The query for a name, started when none is under way.
  std::shared_ptr<Query> ask(std::string_view host, DnsCache::Answer known);

  EventLoop& loop_;
  ResolverSettings settings_;
  DnsCache cache_;
  std::map<std::string, std::shared_ptr<Query>, std::less<>> queries_;
  DnsChannel channel_;  // its callbacks reach all of the above: destroyed first
};

}  // namespace outrigger
