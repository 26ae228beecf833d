#include "tests/support/certificates.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace outrigger::test {
namespace {

using Key = std::shared_ptr<EVP_PKEY>;
using Certificate = std::shared_ptr<X509>;

void require(bool done, const char* what) {
  if (!done) throw std::runtime_error(std::string("OpenSSL failed: ") + what);
}

Key make_key() {
  Key key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  require(key != nullptr, "EVP_EC_gen");
  return key;
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  require(extension != nullptr, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

bool is_ip(const std::string& name) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, name.c_str(), bytes) == 1 ||
         inet_pton(AF_INET6, name.c_str(), bytes) == 1;
}

std::string alternative_names(const std::vector<std::string>& names) {
  std::string result;
  for (const std::string& name : names) {
    if (!result.empty()) result += ',';
    result += (is_ip(name) ? "IP:" : "DNS:") + name;
  }
  return result;
}

Certificate make_certificate(EVP_PKEY* key, const std::string& common_name, int from_days,
                             int to_days) {
  Certificate certificate(X509_new(), &X509_free);
  X509_set_version(certificate.get(), X509_VERSION_3);
  unsigned char serial[15];
  require(RAND_bytes(serial, sizeof serial) == 1, "RAND_bytes");
  BIGNUM* number = BN_bin2bn(serial, sizeof serial, nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate.get()));
  BN_free(number);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), from_days * 86400L);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), to_days * 86400L);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                             0);
  require(X509_set_pubkey(certificate.get(), key) == 1, "X509_set_pubkey");
  return certificate;
}

void sign(X509* certificate, X509* issuer, EVP_PKEY* issuer_key) {
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
  require(X509_sign(certificate, issuer_key, EVP_sha256()) > 0, "X509_sign");
}

void describe_leaf(X509* certificate, X509* issuer, const IssueOptions& options) {
  const bool server = options.purpose == IssueOptions::For::kServer;
  add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature");
  add_extension(certificate, issuer, NID_ext_key_usage, server ? "serverAuth" : "clientAuth");
  if (!options.names.empty()) {
    add_extension(certificate, issuer, NID_subject_alt_name, alternative_names(options.names));
  }
}

template <class Write>
std::string to_pem(Write write) {
  std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), &BIO_free);
  require(write(bio.get()) == 1, "PEM_write");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string certificate_text(X509* certificate) {
  return to_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

Identity to_identity(X509* certificate, EVP_PKEY* key) {
  return {certificate_text(certificate), to_pem([&](BIO* bio) {
            return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "outrigger-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::write(const std::string& name, const std::string& content) const {
  std::ofstream(path(name), std::ios::binary) << content;
  return path(name);
}

CertificateAuthority::CertificateAuthority(const std::string& common_name)
    : key_(make_key()), certificate_(make_certificate(key_.get(), common_name, -2, 365)) {
  add_extension(certificate_.get(), certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate_.get(), certificate_.get(), NID_key_usage,
                "critical,keyCertSign,cRLSign");
  add_extension(certificate_.get(), certificate_.get(), NID_subject_key_identifier, "hash");
  sign(certificate_.get(), certificate_.get(), key_.get());
}

std::string CertificateAuthority::certificate_pem() const {
  return certificate_text(certificate_.get());
}

Identity CertificateAuthority::issue(const IssueOptions& options) const {
  const Key key = make_key();
  const Certificate certificate = make_certificate(key.get(), options.common_name,
                                                   options.valid_from_days, options.valid_to_days);
  describe_leaf(certificate.get(), certificate_.get(), options);
  add_extension(certificate.get(), certificate_.get(), NID_authority_key_identifier, "keyid");
  sign(certificate.get(), certificate_.get(), key_.get());
  return to_identity(certificate.get(), key.get());
}

Identity CertificateAuthority::server(const std::vector<std::string>& names) const {
  IssueOptions options;
  options.names = names;
  if (!names.empty()) options.common_name = names.front();
  return issue(options);
}

Identity CertificateAuthority::client(const std::string& common_name) const {
  IssueOptions options;
  options.common_name = common_name;
  options.purpose = IssueOptions::For::kClient;
  return issue(options);
}

Identity self_signed(const IssueOptions& options) {
  const Key key = make_key();
  const Certificate certificate = make_certificate(key.get(), options.common_name,
                                                   options.valid_from_days, options.valid_to_days);
  describe_leaf(certificate.get(), certificate.get(), options);
  sign(certificate.get(), certificate.get(), key.get());
  return to_identity(certificate.get(), key.get());
}

}  // namespace outrigger::test
