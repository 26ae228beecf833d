#include "filters/idempotency/fingerprint.h"

#include <algorithm>
#include <charconv>

#include "filters/json/canonical_json.h"

namespace outrigger::filters {
namespace {

// Takes a character, percent-encoded or not, off the front.
char take_character(std::string_view& text) noexcept {
  const char first = text.front();
  text.remove_prefix(1);
  if (first != '%' || text.size() < 2) return first;
  unsigned char value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + 2, value, 16);
  if (error != std::errc{} || end != text.data() + 2) return first;
  text.remove_prefix(2);
  return static_cast<char>(value);
}

bool is_credential(std::string_view part) noexcept {
  std::string_view name = part.substr(0, part.find('='));
  for (const char wanted : std::string_view("key")) {
    if (name.empty() || take_character(name) != wanted) return false;
  }
  return name.empty();
}

Sha256 begin(std::string_view kind, std::string_view method, std::string_view target) {
  Sha256 sha256;
  sha256.add_part(kind);
  sha256.add_part(method);
  sha256.add_part(fingerprinted_target(target));
  return sha256;
}

}  // namespace

std::string fingerprinted_target(std::string_view target) {
  const std::size_t query = std::min(target.find('?'), target.size());
  std::string kept(target.substr(0, query));
  char separator = '?';
  for (std::size_t at = query; at < target.size();) {
    const std::string_view part = target.substr(at + 1, target.find('&', at + 1) - at - 1);
    at += 1 + part.size();
    if (is_credential(part)) continue;
    (kept += separator).append(part);
    separator = '&';
  }
  return kept;
}

RawFingerprint::RawFingerprint(std::string_view method, std::string_view target)
    : sha256_(begin("raw", method, target)) {}

Fingerprint RawFingerprint::finish() {
  return {FingerprintKind::kRaw, sha256_.finish()};
}

std::optional<Fingerprint> fingerprint_as(FingerprintKind kind, const http::RequestHead& head,
                                          std::string_view body,
                                          std::span<const std::string> exclude) {
  if (kind == FingerprintKind::kRaw) {
    RawFingerprint raw(head.method_text, head.target);
    raw.add(body);
    return raw.finish();
  }
  const auto canonical = canonical_json(body, exclude);
  if (!canonical) return std::nullopt;
  Sha256 sha256 = begin("canonical", head.method_text, head.target);
  sha256.add(*canonical);
  return Fingerprint{kind, sha256.finish()};
}

}  // namespace outrigger::filters
