// Certificates made on the spot (EC P-256), as PEM text and as files: a CA, and what it issues.
// Every certificate is the test's own; nothing is checked in that could expire.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <vector>

namespace outrigger::test {

// A certificate and its private key.
struct Identity {
  std::string certificate_pem;
  std::string key_pem;
};

// A folder of its own that is removed, with the files in it, at the end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();
  // Writes a file and gives its full name.
  std::string write(const std::string& name, const std::string& content) const;
  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

struct IssueOptions {
  enum class For { kServer, kClient };
  std::vector<std::string> names;  // DNS names and IP addresses: the subject's alternative names
  std::string common_name = "test";
  For purpose = For::kServer;
  int valid_from_days = -1;  // from now; negative: in the past
  int valid_to_days = 30;
};

// Throws std::runtime_error when OpenSSL fails.
class CertificateAuthority {
 public:
  explicit CertificateAuthority(const std::string& common_name = "Test CA");
  [[nodiscard]] std::string certificate_pem() const;
  [[nodiscard]] Identity issue(const IssueOptions& options) const;
  [[nodiscard]] Identity server(const std::vector<std::string>& names) const;
  [[nodiscard]] Identity client(const std::string& common_name) const;

 private:
  std::shared_ptr<EVP_PKEY> key_;
  std::shared_ptr<X509> certificate_;
};

// A server certificate that vouches for itself.
Identity self_signed(const IssueOptions& options);

}  // namespace outrigger::test
