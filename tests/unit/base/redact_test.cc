#include "proxy/base/redact.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace outrigger {
namespace {

TEST(Redact, KnowsHeadersThatCarryCredentials) {
  for (const std::string_view name :
       {"authorization", "Authorization", "PROXY-AUTHORIZATION", "cookie", "Set-Cookie",
        "x-api-key", "api-key", "apikey", "x-goog-api-key", "X-Amz-Security-Token", "private-token",
        "x_api_key", "my-secret", "encryption_key", "x-hub-signature",
        "Ocp-Apim-Subscription-Key"}) {
    EXPECT_TRUE(is_secret_header(name)) << name;
  }
  for (const std::string_view name : {"host", "content-type", "user-agent", "idempotency-key",
                                      "x-request-id", "keyboard", "tokens", "accept"}) {
    EXPECT_FALSE(is_secret_header(name)) << name;
  }
}

struct Case {
  std::string_view target;
  std::string_view seen;
};

TEST(Redact, HidesSecretQueryValuesAndKeepsAllElse) {
  const Case cases[] = {
      {"/v1/models", "/v1/models"},
      {"/v1/models?", "/v1/models?"},
      {"/v1?key=AIza123", "/v1?key=REDACTED"},
      {"/v1?a=1&key=AIza&b=2", "/v1?a=1&key=REDACTED&b=2"},
      {"/v1?API_KEY=x;api-key=y", "/v1?API_KEY=REDACTED;api-key=REDACTED"},
      {"/v1?access_token=a%3Db=c", "/v1?access_token=REDACTED"},
      {"/v1?k%65y=x", "/v1?k%65y=REDACTED"},
      {"/v1?X-Amz-Signature=abc&X-Amz-Date=1", "/v1?X-Amz-Signature=REDACTED&X-Amz-Date=1"},
      {"/v1?sig=abc", "/v1?sig=REDACTED"},
      {"/v1?key", "/v1?key"},
      {"/v1?key=", "/v1?key=REDACTED"},
      {"/v1?monkey=x&&=", "/v1?monkey=x&&="},
      {"https://user:pw@host/p?token=t", "https://REDACTED@host/p?token=REDACTED"},
      {"https://host/p@q", "https://host/p@q"},
      {"/redirect?to=https://a@b/", "/redirect?to=https://a@b/"},
  };
  for (const Case& row : cases) EXPECT_EQ(redacted_target(row.target), row.seen);
}

TEST(Redact, MasksKnownSecretsWhereverTheyStand) {
  std::vector<Secret> secrets;
  secrets.emplace_back("sk-abcdef");
  secrets.emplace_back("tiny");
  std::string text = "sk-abcdef and xsk-abcdefx tiny sk-abcde";
  mask_secrets(text, secrets);
  EXPECT_EQ(text, "********* and x*********x tiny sk-abcde");
}

}  // namespace
}  // namespace outrigger
