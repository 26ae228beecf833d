// From host and port, as a client writes them, to an index. Looking up compares without regard to
// case and allocates nothing, for the Host field of every request. Immutable once filled.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outrigger::upstream {

class HostTable {
 public:
  // `host` is canonical: lower case, IPv6 without brackets. The first entry of a host and port
  // stays.
  void add(std::string_view host, std::uint16_t port, std::uint32_t index);

  // `authority` is host[:port] as sent; `default_port` stands in for a missing one.
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view authority,
                                                  std::uint16_t default_port) const noexcept;

 private:
  struct Entry {
    std::uint64_t hash;
    std::string host;
    std::uint16_t port;
    std::uint32_t index;
  };
  [[nodiscard]] const Entry* lookup(std::string_view host, std::uint16_t port) const noexcept;
  std::vector<Entry> entries_;  // sorted by hash
  std::uint64_t lengths_ = 0;   // a bit for each length of a host, the last for all from 63 on
};

}  // namespace outrigger::upstream
