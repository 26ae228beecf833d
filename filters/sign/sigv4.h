// AWS Signature Version 4: the canonical request, the text that is signed, and the Authorization
// field (AWS, "Create a signed AWS API request"). Pure; held against AWS's own test suite.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace outrigger::filters {

// A field that is signed. The name in lower case; fields of one name stand in their order.
struct SignedField {
  std::string_view name, value;
};

struct SignedRequest {
  std::string_view method;
  std::string_view target;          // path and query as they are sent
  std::vector<SignedField> fields;  // in any order; with `host` and `x-amz-date`
  std::string_view payload;         // hex SHA-256 of the body, or kUnsignedPayload
};

// Whose signature, and for which service. Borrowed texts.
struct SigningScope {
  std::string_view access_key, secret_key;
  std::string_view region, service;
};

inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

// "20150830T123600Z", of microseconds since 1970 UTC.
[[nodiscard]] std::string amz_date(std::int64_t micros);

// Lower-case hex digits.
[[nodiscard]] std::string to_hex(std::string_view bytes);
[[nodiscard]] std::string sha256_hex(std::string_view text);

// The path is normalised and each segment encoded once more than it is sent; for S3, which keeps
// paths as they are, exactly as often.
[[nodiscard]] std::string canonical_request(const SignedRequest& request, std::string_view service);

// The value of Authorization; `date` is amz_date() and stands in `request.fields`, too.
[[nodiscard]] std::string sign_v4(const SignedRequest& request, const SigningScope& scope,
                                  std::string_view date);

}  // namespace outrigger::filters
