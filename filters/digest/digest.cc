#include "filters/digest/digest.h"

#include <cstdlib>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

namespace outrigger::filters {
namespace {

using Mac = std::unique_ptr<EVP_MAC_CTX, decltype(&EVP_MAC_CTX_free)>;

// A digest that failed would make different keys the same: there is no going on.
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

Mac begin_hmac(StoreKey key) {
  static EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr);
  Mac mac(EVP_MAC_CTX_new(hmac), EVP_MAC_CTX_free);
  char digest[] = "SHA256";
  const std::array<OSSL_PARAM, 2> params = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  must(EVP_MAC_init(mac.get(), key.data(), key.size(), params.data()));
  return mac;
}

}  // namespace

void Sha256::Free::operator()(EVP_MD_CTX* context) const noexcept {
  EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  must(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr));
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
  const Mac mac = begin_hmac(key);
  add_part(mac.get(), label);
  for (const std::string_view part : parts) add_part(mac.get(), part);
  Digest digest;
  std::size_t size = 0;
  must(EVP_MAC_final(mac.get(), digest.data(), &size, digest.size()));
  return digest;
}

}  // namespace outrigger::filters
