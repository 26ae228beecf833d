#include "proxy/net/dns_cache.h"

#include <algorithm>
#include <utility>

namespace outrigger {

DnsCache::Answer DnsCache::find(std::string_view host, TimePoint now) {
  const auto found = by_host_.find(host);
  if (found == by_host_.end()) return {};
  Entry& entry = *found->second;
  entries_.splice(entries_.begin(), entries_, found->second);
  const bool addresses = !entry.addresses.empty();
  const bool failed = now < entry.retry_at;
  if (now < entry.expires) {
    if (!addresses) return {Kind::kAbsent, {}, entry.detail};
    return {Kind::kFresh, entry.addresses, {}};
  }
  if (addresses && now < entry.expires + settings_.max_stale) {
    return {failed ? Kind::kStaleHold : Kind::kStale, entry.addresses, {}};
  }
  if (!failed) return {};
  return {entry.failure == Failure::kTimeout ? Kind::kTimedOut : Kind::kFailed, {}, entry.detail};
}

void DnsCache::keep(std::string_view host, std::vector<SocketAddress> addresses, Duration ttl,
                    TimePoint now) {
  Entry& entry = touch(host);
  entry.addresses = std::move(addresses);
  entry.detail.clear();
  entry.expires = now + std::clamp(ttl, settings_.min_ttl, settings_.max_ttl);
  entry.retry_at = {};
}

void DnsCache::keep_absent(std::string_view host, std::string detail, TimePoint now) {
  Entry& entry = touch(host);
  entry.addresses.clear();
  entry.detail = std::move(detail);
  entry.expires = now + settings_.absent_ttl;
  entry.retry_at = {};
}

void DnsCache::keep_failure(std::string_view host, Failure failure, std::string detail,
                            TimePoint now) {
  Entry& entry = touch(host);
  entry.failure = failure;
  entry.detail = std::move(detail);
  entry.retry_at = now + settings_.failure_ttl;
}

DnsCache::Entry& DnsCache::touch(std::string_view host) {
  if (const auto found = by_host_.find(host); found != by_host_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    return entries_.front();
  }
  if (entries_.size() >= settings_.names && !entries_.empty()) {
    by_host_.erase(entries_.back().host);
    entries_.pop_back();
  }
  entries_.push_front(Entry{std::string(host), {}, {}, {}, {}, {}});
  by_host_.emplace(entries_.front().host, entries_.begin());
  return entries_.front();
}

std::vector<SocketAddress> interleave(const std::vector<SocketAddress>& v6,
                                      const std::vector<SocketAddress>& v4) {
  std::vector<SocketAddress> result;
  result.reserve(v6.size() + v4.size());
  for (std::size_t i = 0; i < std::max(v6.size(), v4.size()); ++i) {
    if (i < v6.size()) result.push_back(v6[i]);
    if (i < v4.size()) result.push_back(v4[i]);
  }
  return result;
}

}  // namespace outrigger
