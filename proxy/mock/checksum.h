// CRC-32 (ISO-HDLC, as in gzip and the AWS event stream) and the gzip format without compression.
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace outrigger::mock {

std::uint32_t crc32(std::string_view bytes) noexcept;

// A gzip member of stored blocks (RFC 1951 3.2.4, RFC 1952): every inflater reads it.
std::string gzip_stored(std::string_view bytes);

// FNV-1a, 64 bits: tells bodies apart in the ledger. Not for secrets.
std::uint64_t fnv1a(std::string_view bytes) noexcept;

// RFC 4648 4, with padding.
std::string base64(std::string_view bytes);

}  // namespace outrigger::mock
