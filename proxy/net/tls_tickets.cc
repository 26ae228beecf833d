#include "proxy/net/tls_tickets.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>

namespace outrigger {

TlsTicketKeys::~TlsTicketKeys() {
  OPENSSL_cleanse(&current_, sizeof current_);
  OPENSSL_cleanse(&previous_, sizeof previous_);
}

bool TlsTicketKeys::rotate(TimePoint now) {
  if (current_.used && now < current_.born + kLifetime) return true;
  Slot fresh{{}, now, true};
  if (RAND_bytes(fresh.key.name.data(), static_cast<int>(fresh.key.name.size())) != 1 ||
      RAND_priv_bytes(fresh.key.cipher.data(), static_cast<int>(fresh.key.cipher.size())) != 1 ||
      RAND_priv_bytes(fresh.key.mac.data(), static_cast<int>(fresh.key.mac.size())) != 1) {
    return false;
  }
  previous_ = current_;
  current_ = fresh;
  OPENSSL_cleanse(&fresh, sizeof fresh);
  return true;
}

std::optional<TlsTicketKeys::Key> TlsTicketKeys::current(TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (!rotate(now)) return std::nullopt;
  return current_.key;
}

std::optional<TlsTicketKeys::Found> TlsTicketKeys::find(std::span<const unsigned char, 16> name,
                                                        TimePoint now) {
  const std::lock_guard lock(mutex_);
  for (const Slot* slot : {&current_, &previous_}) {
    if (!slot->used || !std::equal(name.begin(), name.end(), slot->key.name.begin())) continue;
    if (now >= slot->born + 2 * kLifetime) return std::nullopt;
    return Found{slot->key, slot == &current_ && now < slot->born + kLifetime};
  }
  return std::nullopt;
}

}  // namespace outrigger
