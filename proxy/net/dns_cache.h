// What is known of names, until when. Pure: time is passed in. Bounded; one per resolver.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/base/duration.h"
#include "proxy/net/address.h"

namespace outrigger {

class DnsCache {
 public:
  struct Settings {
    Duration min_ttl = 1s;
    Duration max_ttl = 1h;
    Duration absent_ttl = 5s;   // "no such name" is remembered for so long (RFC 2308)
    Duration failure_ttl = 1s;  // a failed query is not repeated for so long
    Duration max_stale =
        24h;  // how long past their TTL addresses may stand in (RFC 8767 section 5)
    std::size_t names = 4096;  // the least recently used beyond that are dropped
  };
  enum class Kind : std::uint8_t {
    kMiss,
    kFresh,
    kAbsent,    // the name does not exist or has no address
    kFailed,    // the last query failed a moment ago, and nothing stale is left
    kTimedOut,  // the same, for want of an answer
    kStale,     // expired: ask again, and use this when the asking fails
    kStaleHold  // expired, and the asking failed a moment ago: use this without asking
  };
  enum class Failure : std::uint8_t { kError, kTimeout };
  struct Answer {
    Kind kind = Kind::kMiss;
    std::vector<SocketAddress> addresses;  // ports 0
    std::string detail;                    // of kAbsent, kFailed, kTimedOut: why
  };

  explicit DnsCache(Settings settings) : settings_(settings) {}

  [[nodiscard]] Answer find(std::string_view host, TimePoint now);
  // Remembers addresses for their TTL, within the settings' bounds.
  void keep(std::string_view host, std::vector<SocketAddress> addresses, Duration ttl,
            TimePoint now);
  // The name authoritatively has no address: stale ones go too.
  void keep_absent(std::string_view host, std::string detail, TimePoint now);
  // No answer was to be had; stale addresses stay.
  void keep_failure(std::string_view host, Failure failure, std::string detail, TimePoint now);
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Entry {
    std::string host;
    std::vector<SocketAddress> addresses;
    std::string detail;  // why there is none, or why the last query failed
    TimePoint expires;   // of the addresses, or of their absence
    TimePoint retry_at;  // not asked again before
    Failure failure = Failure::kError;
  };
  using Entries = std::list<Entry>;  // most recently used first
  Entry& touch(std::string_view host);

  Settings settings_;
  Entries entries_;
  std::unordered_map<std::string_view, Entries::iterator> by_host_;  // keys point into entries_
};

// IPv6 first, then alternating between the families while both last (RFC 8305 section 4).
std::vector<SocketAddress> interleave(const std::vector<SocketAddress>& v6,
                                      const std::vector<SocketAddress>& v4);

}  // namespace outrigger
