// What protects each record: that it is whole, that it stands where it was written, and, with a key
// of the operator's, that nobody else can read it (durability 1.8, 4.5). Immutable once made; any
// thread.
//
// With a key: AES-256-GCM by a data key of the store's own, which lies in the store wrapped by the
// operator's key, so that a new operator's key means a new wrapping and no new records. Without:
// HMAC-SHA-256 by a key that lies in the store, which finds damage and misplaced records but keeps
// no secret.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/base/secret.h"

namespace outrigger::store {

class Seal {
 public:
  enum class Kind : std::uint8_t { kAuthenticated = 1, kEncrypted = 2 };

  // A fresh data key for a new store.
  static Seal make(Kind kind);
  // What keeps the data key in the store: wrapped by `operator_key` for kEncrypted, as it is
  // otherwise.
  [[nodiscard]] std::string wrapped(const Secret& operator_key) const;
  // The data key back. Errors: `store_key`, the text is wrapped and the key is missing or another;
  // `store_corrupt`, it is no such text.
  static Result<Seal> unwrap(std::string_view text, const Secret& operator_key);

  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  // A record's value as it goes to disk, for the place `key`.
  [[nodiscard]] std::string close(std::string_view key, std::string_view plain) const;
  // The value back. Error: `store_corrupt`, it was changed, or written for another place or by
  // another key.
  [[nodiscard]] Result<std::string> open(std::string_view key, std::string_view sealed) const;

 private:
  static constexpr std::size_t kKeyBytes = 32;
  using Key = std::array<unsigned char, kKeyBytes>;
  Seal(Kind kind, const Key& key) : kind_(kind), key_(key) {}

  Kind kind_;
  Key key_;
};

}  // namespace outrigger::store
