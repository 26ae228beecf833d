#include "filters/idempotency/record_id.h"

#include <algorithm>
#include <cassert>

#include "filters/intake/request_facts.h"
#include "filters/sign/sigv4.h"
#include "proxy/base/redact.h"

namespace outrigger::filters {
namespace {

// One for each use: a hash of one is never one of another.
constexpr std::string_view kRecordLabel = "outrigger idempotency: record, 1";
constexpr std::string_view kCredentialLabel = "outrigger idempotency: credential, 1";
constexpr std::string_view kTagLabel = "outrigger idempotency: owner, 1";

std::string hashed(StoreKey key, std::string_view credential) {
  return "credential:" + to_hex(text_of(keyed_digest(key, kCredentialLabel, {credential})));
}

// All lines of that name as the one value that they make (RFC 9110 5.3): who adds a line becomes
// another owner, and not one of his choice.
std::string value_of(const http::Headers& headers, std::string_view name) {
  std::string value;
  for (const http::Field& field : headers) {
    if (!http::equals_ignore_case(field.name, name)) continue;
    if (!value.empty()) value += ", ";
    value += field.value;
  }
  return value;
}

std::string header_text(StoreKey key, std::string_view name, const std::string& value) {
  return is_secret_header(name) ? hashed(key, value) : "header:" + value;
}

std::string text_for(StoreKey key, config::KeyOwner by, std::string_view header,
                     const http::RequestHead& head, std::string_view certificate_subject) {
  using enum config::KeyOwner;
  if (by == kAnyone) return "anyone";
  if (by == kCertificate && !certificate_subject.empty()) {
    return "certificate:" + std::string(certificate_subject);
  }
  if (by == kHeader) {
    const std::string value = value_of(head.headers, header);
    if (!value.empty()) return header_text(key, header, value);
  }
  const std::string_view credential = find_credential(head).text;
  return credential.empty() ? "nobody" : hashed(key, credential);
}

}  // namespace

Owner owner_of(StoreKey key, config::KeyOwner by, std::string_view header,
               const http::RequestHead& head, std::string_view certificate_subject) {
  Owner owner{.text = text_for(key, by, header, head, certificate_subject), .tag = {}};
  const Digest digest = keyed_digest(key, kTagLabel, {owner.text});
  std::ranges::copy_n(digest.begin(), std::ssize(owner.tag), owner.tag.begin());
  return owner;
}

RecordId record_id(StoreKey key, std::string_view upstream, const Owner& owner, KeySource source,
                   std::string_view text) {
  assert(!text.empty());
  return keyed_digest(key, kRecordLabel, {upstream, owner.text, to_string(source), text});
}

}  // namespace outrigger::filters
