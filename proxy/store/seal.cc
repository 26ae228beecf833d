#include "proxy/store/seal.h"

#include <cstdlib>
#include <cstring>
#include <memory>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

namespace outrigger::store {
namespace {

using Bytes = std::span<const unsigned char>;
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

constexpr std::size_t kNonce = 12;
constexpr std::size_t kTag = 16;
constexpr std::string_view kPlain = "plain:";      // before a data key that is not wrapped
constexpr std::string_view kWrapped = "wrapped:";  // before one that is

Bytes bytes(std::string_view text) {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}
unsigned char* at(std::string& text, std::size_t offset) {
  return reinterpret_cast<unsigned char*>(text.data()) + offset;
}

// Without randomness and without its primitives no seal keeps what it promises: there is no going
// on.
void must(int result) noexcept {
  if (result != 1) std::abort();
}

std::unexpected<Error> corrupt(std::string detail) {
  return fail(Errc::kSystem, Origin::kProxy, "store_corrupt", std::move(detail));
}

// nonce | ciphertext | tag
std::string encrypt(Bytes key, std::string_view place, std::string_view plain) {
  std::string out(kNonce + plain.size() + kTag, '\0');
  must(RAND_bytes(at(out, 0), kNonce));
  const Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int size = 0;
  must(EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(), at(out, 0)));
  must(EVP_EncryptUpdate(cipher.get(), nullptr, &size, bytes(place).data(),
                         static_cast<int>(place.size())));
  must(EVP_EncryptUpdate(cipher.get(), at(out, kNonce), &size, bytes(plain).data(),
                         static_cast<int>(plain.size())));
  must(EVP_EncryptFinal_ex(cipher.get(), at(out, kNonce + plain.size()), &size));
  must(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTag,
                           at(out, kNonce + plain.size())));
  return out;
}

std::optional<std::string> decrypt(Bytes key, std::string_view place, std::string_view sealed) {
  if (sealed.size() < kNonce + kTag) return std::nullopt;
  const std::string_view text = sealed.substr(kNonce, sealed.size() - kNonce - kTag);
  std::string tag(sealed.substr(sealed.size() - kTag));
  std::string plain(text.size(), '\0');
  const Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int size = 0;
  EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(), bytes(sealed).data());
  EVP_DecryptUpdate(cipher.get(), nullptr, &size, bytes(place).data(),
                    static_cast<int>(place.size()));
  EVP_DecryptUpdate(cipher.get(), at(plain, 0), &size, bytes(text).data(),
                    static_cast<int>(text.size()));
  EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTag, tag.data());
  if (EVP_DecryptFinal_ex(cipher.get(), at(plain, plain.size()), &size) != 1) return std::nullopt;
  return plain;
}

// The place is told apart from the value by its length.
std::array<unsigned char, EVP_MAX_MD_SIZE> code_of(Bytes key, std::string_view place,
                                                   std::string_view plain) {
  std::string message = std::to_string(place.size()) + ":";
  message.append(place).append(plain);
  std::array<unsigned char, EVP_MAX_MD_SIZE> code{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes(message).data(),
       message.size(), code.data(), &size);
  return code;
}

// RFC 5869. The operator's key is a text of any length and form.
std::array<unsigned char, 32> wrapping_key(const Secret& operator_key) {
  constexpr std::string_view kInfo = "outrigger store, wrapping key, 1";
  std::array<unsigned char, 32> key{};
  std::size_t size = key.size();
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> derive(
      EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr), EVP_PKEY_CTX_free);
  const Bytes secret = bytes(operator_key.reveal());
  must(EVP_PKEY_derive_init(derive.get()));
  must(EVP_PKEY_CTX_set_hkdf_md(derive.get(), EVP_sha256()));
  must(EVP_PKEY_CTX_set1_hkdf_key(derive.get(), secret.data(), static_cast<int>(secret.size())));
  must(EVP_PKEY_CTX_add1_hkdf_info(derive.get(), bytes(kInfo).data(),
                                   static_cast<int>(kInfo.size())));
  must(EVP_PKEY_derive(derive.get(), key.data(), &size));
  return key;
}

}  // namespace

Seal Seal::make(Kind kind) {
  Key key;
  must(RAND_bytes(key.data(), static_cast<int>(key.size())));
  return {kind, key};
}

std::string Seal::wrapped(const Secret& operator_key) const {
  const std::string_view key(reinterpret_cast<const char*>(key_.data()), key_.size());
  if (kind_ == Kind::kAuthenticated) return std::string(kPlain) + std::string(key);
  return std::string(kWrapped) + encrypt(wrapping_key(operator_key), kWrapped, key);
}

Result<Seal> Seal::unwrap(std::string_view text, const Secret& operator_key) {
  Key key;
  if (text.starts_with(kPlain)) {
    text.remove_prefix(kPlain.size());
    if (text.size() != kKeyBytes) return corrupt("the store's own key is damaged");
    std::memcpy(key.data(), text.data(), kKeyBytes);
    return Seal(Kind::kAuthenticated, key);
  }
  if (!text.starts_with(kWrapped)) return corrupt("the store's own key is damaged");
  text.remove_prefix(kWrapped.size());
  if (operator_key.empty()) {
    return fail(Errc::kSystem, Origin::kProxy, "store_key",
                "the store is encrypted and there is no store.encryption_key");
  }
  const auto plain = decrypt(wrapping_key(operator_key), kWrapped, text);
  if (!plain || plain->size() != kKeyBytes) {
    return fail(Errc::kSystem, Origin::kProxy, "store_key",
                "the store is encrypted with another key than store.encryption_key");
  }
  std::memcpy(key.data(), plain->data(), kKeyBytes);
  return Seal(Kind::kEncrypted, key);
}

std::string Seal::close(std::string_view key, std::string_view plain) const {
  std::string out(1, static_cast<char>(kind_));
  if (kind_ == Kind::kEncrypted) return out + encrypt(key_, key, plain);
  const auto code = code_of(key_, key, plain);
  out.append(plain);
  out.append(reinterpret_cast<const char*>(code.data()), kTag);
  return out;
}

Result<std::string> Seal::open(std::string_view key, std::string_view sealed) const {
  // What is not sealed in this store's way was not written by it: no way back to plain records.
  if (sealed.empty() || sealed.front() != static_cast<char>(kind_)) {
    return corrupt("a record is not sealed as this store seals");
  }
  sealed.remove_prefix(1);
  if (kind_ == Kind::kEncrypted) {
    auto plain = decrypt(key_, key, sealed);
    if (!plain) return corrupt("a record is damaged or stands in the wrong place");
    return std::move(*plain);
  }
  if (sealed.size() < kTag) return corrupt("a record is cut short");
  const std::string_view plain = sealed.substr(0, sealed.size() - kTag);
  const auto code = code_of(key_, key, plain);
  if (CRYPTO_memcmp(code.data(), sealed.data() + plain.size(), kTag) != 0) {
    return corrupt("a record is damaged or stands in the wrong place");
  }
  return std::string(plain);
}

}  // namespace outrigger::store
