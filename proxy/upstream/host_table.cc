#include "proxy/upstream/host_table.h"

#include <algorithm>
#include <charconv>

#include "proxy/http/headers.h"

namespace outrigger::upstream {
namespace {

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

// FNV-1a over the lower-case host and the port.
std::uint64_t hash_of(std::string_view host, std::uint16_t port) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325U ^ port;
  for (const char c : host) {
    hash ^= static_cast<unsigned char>(lower(c));
    hash *= 0x100000001b3U;
  }
  return hash;
}

constexpr std::uint64_t length_bit(std::size_t size) noexcept {
  return std::uint64_t{1} << std::min<std::size_t>(size, 63);
}

}  // namespace

void HostTable::add(std::string_view host, std::uint16_t port, std::uint32_t index) {
  if (lookup(host, port) != nullptr) return;
  Entry entry{hash_of(host, port), std::string(host), port, index};
  lengths_ |= length_bit(host.size());
  entries_.insert(std::ranges::upper_bound(entries_, entry.hash, {}, &Entry::hash),
                  std::move(entry));
}

std::optional<std::uint32_t> HostTable::find(std::string_view authority,
                                             std::uint16_t default_port) const noexcept {
  std::uint16_t port = default_port;
  std::string_view host = authority;
  const std::size_t colon = authority.rfind(':');
  const std::size_t bracket = authority.rfind(']');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    const char* const end = authority.data() + authority.size();
    const auto [stop, error] = std::from_chars(authority.data() + colon + 1, end, port);
    if (error != std::errc{} || stop != end) return std::nullopt;
    host = authority.substr(0, colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.ends_with('.')) host.remove_suffix(1);
  const Entry* entry = lookup(host, port);
  return entry == nullptr ? std::nullopt : std::optional(entry->index);
}

const HostTable::Entry* HostTable::lookup(std::string_view host,
                                          std::uint16_t port) const noexcept {
  // Most hosts are our own address: their length alone tells that no upstream is meant.
  if ((lengths_ & length_bit(host.size())) == 0) return nullptr;
  const std::uint64_t hash = hash_of(host, port);
  auto at = std::ranges::lower_bound(entries_, hash, {}, &Entry::hash);
  for (; at != entries_.end() && at->hash == hash; ++at) {
    if (at->port == port && http::equals_ignore_case(at->host, host)) return &*at;
  }
  return nullptr;
}

}  // namespace outrigger::upstream
