// SHA-256 and HMAC-SHA-256 over texts that cannot run into each other: each stands behind its
// length, so ("ab", "c") and ("a", "bc") differ. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>

#include <openssl/types.h>

namespace outrigger::filters {

using Digest = std::array<std::uint8_t, 32>;
// The store's secret, borrowed: what is made with it says nothing to whoever has it not.
using StoreKey = std::span<const std::uint8_t, 32>;

class Sha256 {
 public:
  Sha256();
  void add(std::string_view bytes);      // as they are: only what is last needs no length
  void add_part(std::string_view part);  // behind its length
  [[nodiscard]] Digest finish();         // once

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const noexcept;
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

// HMAC-SHA-256 of a label, which says what it is for, and the parts.
[[nodiscard]] Digest keyed_digest(StoreKey key, std::string_view label,
                                  std::initializer_list<std::string_view> parts);

// The bytes as a text for whoever takes one.
[[nodiscard]] inline std::string_view text_of(std::span<const std::uint8_t> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace outrigger::filters
