#include "filters/idempotency/upstream_key.h"

#include <algorithm>
#include <string_view>

namespace outrigger::filters {
namespace {

constexpr std::string_view kLabel = "outrigger idempotency: upstream key, 1";
constexpr std::size_t kLeastLength = 16;  // 80 bits: two of a billion keys meet once in a million

// What a header's value can hold unchanged: one with spaces around it would lose them, and one that
// begins with a quote be read as a text in quotes; both are another key then.
bool is_plain(std::string_view text) noexcept {
  return !text.empty() && !text.starts_with('"') && !text.starts_with(' ') && !text.ends_with(' ');
}

// RFC 4648 6, in lower case and without padding: five bits a character.
std::string base32(const Digest& digest) {
  constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
  std::string text;
  std::uint32_t bits = 0;
  int held = 0;
  for (const std::uint8_t byte : digest) {
    bits = bits << 8 | byte;
    for (held += 8; held >= 5; held -= 5) text += kAlphabet[bits >> (held - 5) & 31];
  }
  text += kAlphabet[bits << (5 - held) & 31];
  return text;
}

}  // namespace

std::string upstream_key(StoreKey store_key, const RecordId& id, const RequestKey& key,
                         std::uint32_t generation, const config::UpstreamKey& policy,
                         KeyText text) {
  const bool clients = text == KeyText::kAsItIs &&
                       (key.source == KeySource::kHeader || key.source == KeySource::kJson);
  const std::size_t most = std::max<std::size_t>(policy.max_length, kLeastLength);
  if (clients && generation == 0 && key.text.size() <= most && is_plain(key.text)) return key.text;
  std::string hash =
      base32(keyed_digest(store_key, kLabel, {text_of(id), std::to_string(generation)}));
  hash.resize(std::min(hash.size(), most));
  return hash;
}

}  // namespace outrigger::filters
