// SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash whose values tell nothing of the text to
// whoever lacks the key. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace outrigger::filters {

using SipKey = std::array<std::uint64_t, 2>;

[[nodiscard]] std::uint64_t siphash(const SipKey& key, std::string_view text) noexcept;

// A key from the kernel's random numbers.
[[nodiscard]] SipKey random_sip_key() noexcept;

}  // namespace outrigger::filters
