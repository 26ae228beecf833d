#include "filters/digest/digest.h"

#include <cstdlib>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

namespace outrigger::filters {
namespace {

using Mac = std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)>;

// Looked for once: EVP_sha256() has OpenSSL look for it on each use, which
// takes longer than to hash a key.
const EVP_MD* sha256() noexcept {
  static const EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return found;
}

// A digest that failed would make different keys the same: there is no going
// on.
void must(int result) noexcept {
  if (result != 1) std::abort();
}

std::array<char, 8> length_of(std::string_view part) noexcept {
  std::array<char, 8> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(std::uint64_t{part.size()} >> (8 * (bytes.size() - 1 - i)));
  }
  return bytes;
}

const unsigned char* bytes_of(const char* text) noexcept {
  return reinterpret_cast<const unsigned char*>(text);
}

void add_part(EVP_MAC_CTX* mac, std::string_view part) {
  const std::array<char, 8> length = length_of(part);
  must(EVP_MAC_update(mac, bytes_of(length.data()), length.size()));
  if (!part.empty()) must(EVP_MAC_update(mac, bytes_of(part.data()), part.size()));
}

Mac hmac_of_sha256() {
  static EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr);
  Mac mac(EVP_MAC_CTX_new(hmac), EVP_MAC_CTX_free);
  char digest[] = "SHA256";
  const std::array<OSSL_PARAM, 2> params = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  must(EVP_MAC_CTX_set_params(mac.get(), params.data()));
  return mac;
}

// Of this thread, which hashes one text at a time.
EVP_MAC_CTX* begin_hmac(StoreKey key) {
  thread_local const Mac mac = hmac_of_sha256();
  must(EVP_MAC_init(mac.get(), key.data(), key.size(), nullptr));
  return mac.get();
}

}  // namespace

void Sha256::Free::operator()(EVP_MD_CTX* context) const noexcept {
  EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  must(EVP_DigestInit_ex(context_.get(), sha256(), nullptr));
}

void Sha256::add(std::string_view bytes) {
  must(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
}

void Sha256::add_part(std::string_view part) {
  const std::array<char, 8> length = length_of(part);
  add({length.data(), length.size()});
  add(part);
}

Digest Sha256::finish() {
  Digest digest;
  must(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr));
  return digest;
}

Digest keyed_digest(StoreKey key, std::string_view label,
                    std::initializer_list<std::string_view> parts) {
  EVP_MAC_CTX* const mac = begin_hmac(key);
  add_part(mac, label);
  for (const std::string_view part : parts) add_part(mac, part);
  Digest digest;
  std::size_t size = 0;
  must(EVP_MAC_final(mac, digest.data(), &size, digest.size()));
  return digest;
}

}  // namespace outrigger::filters
