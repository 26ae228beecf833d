#include "filters/sign/sigv4.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "proxy/base/percent.h"

namespace outrigger::filters {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
using Digest = std::array<unsigned char, 32>;

std::string_view view(const Digest& digest) noexcept {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

Digest hmac(std::string_view key, std::string_view text) {
  Digest digest;
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  return digest;
}

// RFC 3986 5.2.4, and without empty segments.
std::string normalised(std::string_view path) {
  std::vector<std::string_view> segments;
  const bool folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
  while (!path.empty()) {
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(segment.size() + 1, path.size()));
    if (segment.empty() || segment == ".") continue;
    if (segment != "..") {
      segments.push_back(segment);
    } else if (!segments.empty()) {
      segments.pop_back();
    }
  }
  std::string out;
  for (const std::string_view segment : segments) {
    out += '/';
    out += segment;
  }
  if (out.empty() || folder) out += '/';
  return out;
}

std::string canonical_path(std::string_view path, std::string_view service) {
  std::string out;
  append_percent_encoded(out, service == "s3" ? percent_decoded(path) : normalised(path), "/");
  return out.empty() ? "/" : out;
}

std::string canonical_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(part.size() + 1, query.size()));
    if (part.empty()) continue;
    const std::size_t equals = std::min(part.find('='), part.size());
    auto& [name, value] = pairs.emplace_back();
    append_percent_encoded(name, percent_decoded(part.substr(0, equals)));
    append_percent_encoded(value, percent_decoded(part.substr(std::min(equals + 1, part.size()))));
  }
  std::ranges::sort(pairs);
  std::string out;
  for (const auto& [name, value] : pairs) {
    if (!out.empty()) out += '&';
    out += name + "=" + value;
  }
  return out;
}

// Without blanks at its ends, and one for several within.
std::string trimmed(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c != ' ' && c != '\t') {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

// By name; the values of one name are one, with commas between them.
std::map<std::string_view, std::string> canonical_fields(const SignedRequest& request) {
  std::map<std::string_view, std::string> fields;
  for (const SignedField& field : request.fields) {
    const auto [at, first] = fields.try_emplace(field.name);
    if (!first) at->second += ',';
    at->second += trimmed(field.value);
  }
  return fields;
}

std::string signed_names(const std::map<std::string_view, std::string>& fields) {
  std::string names;
  for (const auto& [name, value] : fields) {
    if (!names.empty()) names += ';';
    names += name;
  }
  return names;
}

}  // namespace

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += {kHex[byte >> 4], kHex[byte & 15]};
  }
  return out;
}

std::string amz_date(std::int64_t micros) {
  const std::time_t seconds = micros / 1'000'000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

std::string sha256_hex(std::string_view text) {
  Digest digest;
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  return to_hex(view(digest));
}

std::string canonical_request(const SignedRequest& request, std::string_view service) {
  const std::size_t mark = request.target.find('?');
  const std::string_view query =
      mark == std::string_view::npos ? std::string_view() : request.target.substr(mark + 1);
  const auto fields = canonical_fields(request);
  std::string out =
      fmt::format("{}\n{}\n{}\n", request.method,
                  canonical_path(request.target.substr(0, mark), service), canonical_query(query));
  for (const auto& [name, value] : fields) {
    fmt::format_to(std::back_inserter(out), "{}:{}\n", name, value);
  }
  fmt::format_to(std::back_inserter(out), "\n{}\n{}", signed_names(fields), request.payload);
  return out;
}

std::string sign_v4(const SignedRequest& request, const SigningScope& scope,
                    std::string_view date) {
  const std::string_view day = date.substr(0, 8);
  const std::string where = fmt::format("{}/{}/{}/aws4_request", day, scope.region, scope.service);
  const std::string text = fmt::format("{}\n{}\n{}\n{}", kAlgorithm, date, where,
                                       sha256_hex(canonical_request(request, scope.service)));
  std::string secret = fmt::format("AWS4{}", scope.secret_key);
  Digest key = hmac(secret, day);
  OPENSSL_cleanse(secret.data(), secret.size());
  for (const std::string_view part :
       {scope.region, scope.service, std::string_view("aws4_request")})
    key = hmac(view(key), part);
  const Digest signature = hmac(view(key), text);
  OPENSSL_cleanse(key.data(), key.size());
  return fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm,
                     scope.access_key, where, signed_names(canonical_fields(request)),
                     to_hex(view(signature)));
}

}  // namespace outrigger::filters
