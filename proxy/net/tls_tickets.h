// The keys that seal TLS session tickets, shared by the contexts of all workers so that a client
// may come back to any of them. A key seals for kLifetime and opens tickets for twice that.
// Thread-safe.
#pragma once

#include <array>
#include <mutex>
#include <optional>
#include <span>

#include "proxy/base/duration.h"

namespace outrigger {

class TlsTicketKeys {
 public:
  struct Key {
    std::array<unsigned char, 16> name{};
    std::array<unsigned char, 32> cipher{};  // AES-256-CBC
    std::array<unsigned char, 32> mac{};     // HMAC-SHA256
  };
  struct Found {
    Key key;
    bool current = false;  // false: the ticket should be replaced
  };
  static constexpr Duration kLifetime = 12h;

  TlsTicketKeys() = default;
  TlsTicketKeys(const TlsTicketKeys&) = delete;
  TlsTicketKeys& operator=(const TlsTicketKeys&) = delete;
  ~TlsTicketKeys();

  // The key to seal with at `now`; nothing when the random generator fails.
  [[nodiscard]] std::optional<Key> current(TimePoint now);
  // The key that sealed a ticket, while it is still good.
  [[nodiscard]] std::optional<Found> find(std::span<const unsigned char, 16> name, TimePoint now);

 private:
  struct Slot {
    Key key;
    TimePoint born;
    bool used = false;
  };
  bool rotate(TimePoint now);

  std::mutex mutex_;
  Slot current_;
  Slot previous_;
};

}  // namespace outrigger
