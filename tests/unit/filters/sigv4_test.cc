// The pure core of `sign` against AWS's published test suite for Signature Version 4
// (aws-sig-v4-test-suite) and the examples of its documentation.
#include "filters/sign/sigv4.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace outrigger::filters {
namespace {

constexpr std::string_view kDate = "20150830T123600Z";
constexpr SigningScope kSuite{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                              "us-east-1", "service"};
constexpr std::string_view kToken =
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfI"
    "eoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0"
    "wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDry"
    "pNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
constexpr std::string_view kUnreserved =
    "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

struct Row {
  std::string name, method, target;
  std::vector<SignedField> fields;  // besides host and x-amz-date
  std::string body, names, signature;
};

std::vector<Row> suite() {
  const std::string host = "host;x-amz-date";
  const std::string mine = "host;my-header1;x-amz-date";
  const std::string form = "content-type;host;x-amz-date";
  const std::string u(kUnreserved);
  const std::string vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
  const std::string post = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";
  const std::string query = "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11";
  return {
      {"get-header-key-duplicate",
       "GET",
       "/",
       {{"my-header1", "value2"}, {"my-header1", "value2"}, {"my-header1", "value1"}},
       "",
       mine,
       "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
      {"get-header-value-order",
       "GET",
       "/",
       {{"my-header1", "value4"},
        {"my-header1", "value1"},
        {"my-header1", "value3"},
        {"my-header1", "value2"}},
       "",
       mine,
       "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
      {"get-header-value-trim",
       "GET",
       "/",
       {{"my-header1", " value1"}, {"my-header2", " \"a   b   c\""}},
       "",
       "host;my-header1;my-header2;x-amz-date",
       "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
      {"get-unreserved",
       "GET",
       "/" + u,
       {},
       "",
       host,
       "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
      {"get-utf8",
       "GET",
       "/\u1234",
       {},
       "",
       host,
       "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
      {"get-vanilla", "GET", "/", {}, "", host, vanilla},
      {"get-vanilla-empty-query-key",
       "GET",
       "/?Param1=value1",
       {},
       "",
       host,
       "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
      {"get-vanilla-query", "GET", "/?", {}, "", host, vanilla},
      {"get-vanilla-query-order-key",
       "GET",
       "/?Param1=value2&Param1=Value1",
       {},
       "",
       host,
       "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1"},
      {"get-vanilla-query-order-key-case",
       "GET",
       "/?Param2=value2&Param1=value1",
       {},
       "",
       host,
       "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
      {"get-vanilla-query-order-value",
       "GET",
       "/?Param1=value2&Param1=value1",
       {},
       "",
       host,
       "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"},
      {"get-vanilla-query-unreserved",
       "GET",
       "/?" + u + "=" + u,
       {},
       "",
       host,
       "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
      {"get-vanilla-utf8-query",
       "GET",
       "/?\u1234=bar",
       {},
       "",
       host,
       "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
      {"normalize-path/get-relative", "GET", "/example/..", {}, "", host, vanilla},
      {"normalize-path/get-relative-relative",
       "GET",
       "/example1/example2/../..",
       {},
       "",
       host,
       vanilla},
      {"normalize-path/get-slash", "GET", "//", {}, "", host, vanilla},
      {"normalize-path/get-slash-dot-slash", "GET", "/./", {}, "", host, vanilla},
      {"normalize-path/get-slash-pointless-dot",
       "GET",
       "/./example",
       {},
       "",
       host,
       "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
      {"normalize-path/get-slashes",
       "GET",
       "//example//",
       {},
       "",
       host,
       "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
      {"normalize-path/get-space",
       "GET",
       "/example space/",
       {},
       "",
       host,
       "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
      {"post-header-key-case", "POST", "/", {}, "", host, post},
      {"post-header-key-sort",
       "POST",
       "/",
       {{"my-header1", "value1"}},
       "",
       mine,
       "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
      {"post-header-value-case",
       "POST",
       "/",
       {{"my-header1", "VALUE1"}},
       "",
       mine,
       "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
      {"post-sts-header-before",
       "POST",
       "/",
       {{"x-amz-security-token", kToken}},
       "",
       "host;x-amz-date;x-amz-security-token",
       "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
      {"post-vanilla", "POST", "/", {}, "", host, post},
      {"post-vanilla-empty-query-value", "POST", "/?Param1=value1", {}, "", host, query},
      {"post-x-www-form-urlencoded",
       "POST",
       "/",
       {{"content-type", "application/x-www-form-urlencoded"}},
       "Param1=value1",
       form,
       "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
      {"post-x-www-form-urlencoded-parameters",
       "POST",
       "/",
       {{"content-type", "application/x-www-form-urlencoded; charset=utf8"}},
       "Param1=value1",
       form,
       "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe"},
  };
}

TEST(SigV4, SignsAsTheTestSuiteOfAws) {
  for (const Row& row : suite()) {
    const std::string payload = sha256_hex(row.body);
    SignedRequest request{row.method, row.target, row.fields, payload};
    request.fields.push_back({"x-amz-date", kDate});
    request.fields.push_back({"host", "example.amazonaws.com"});
    EXPECT_EQ(sign_v4(request, kSuite, kDate),
              "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
              "SignedHeaders=" +
                  row.names + ", Signature=" + row.signature)
        << row.name << "\n"
        << canonical_request(request, "service");
  }
}

// "Create a signed AWS API request", the example of all four steps.
TEST(SigV4, SignsTheListUsersExample) {
  const std::string payload = sha256_hex("");
  const SignedRequest request{"GET",
                              "/?Action=ListUsers&Version=2010-05-08",
                              {{"content-type", "application/x-www-form-urlencoded; charset=utf-8"},
                               {"host", "iam.amazonaws.com"},
                               {"x-amz-date", kDate}},
                              payload};
  EXPECT_EQ(sha256_hex(canonical_request(request, "iam")),
            "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59");
  SigningScope scope = kSuite;
  scope.service = "iam";
  EXPECT_EQ(sign_v4(request, scope, kDate),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-date, "
            "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
}

// "Signature Calculations for the Authorization Header" (Amazon S3), GET Object.
TEST(SigV4, SignsTheExampleOfS3) {
  const std::string payload = sha256_hex("");
  const SignedRequest request{"GET",
                              "/test.txt",
                              {{"host", "examplebucket.s3.amazonaws.com"},
                               {"range", "bytes=0-9"},
                               {"x-amz-content-sha256", payload},
                               {"x-amz-date", "20130524T000000Z"}},
                              payload};
  const SigningScope scope{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                           "us-east-1", "s3"};
  EXPECT_TRUE(sign_v4(request, scope, "20130524T000000Z")
                  .ends_with("f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"));
}

// A path is sent encoded once and signed encoded twice, but for S3 (the same page, step 1).
TEST(SigV4, EncodesThePathOnceMoreThanItIsSentButForS3) {
  const auto path_of = [](std::string_view target, std::string_view service) {
    const std::string text = canonical_request({"POST", target, {{"host", "h"}}, ""}, service);
    const std::size_t begin = text.find('\n') + 1;
    return text.substr(begin, text.find('\n', begin) - begin);
  };
  EXPECT_EQ(path_of("/model/a.b-v1%3A0/invoke", "bedrock"), "/model/a.b-v1%253A0/invoke");
  EXPECT_EQ(path_of("/model/a.b-v1:0/invoke", "bedrock"), "/model/a.b-v1%3A0/invoke");
  EXPECT_EQ(path_of("/a%20b//c", "s3"), "/a%20b//c");
  EXPECT_EQ(path_of("", "bedrock"), "/");
}

TEST(SigV4, ReadsEscapesOfTheQueryOnce) {
  const auto query_of = [](std::string_view target) {
    const std::string text = canonical_request({"GET", target, {{"host", "h"}}, ""}, "bedrock");
    const std::size_t path = text.find('\n') + 1;
    const std::size_t begin = text.find('\n', path) + 1;
    return text.substr(begin, text.find('\n', begin) - begin);
  };
  EXPECT_EQ(query_of("/?b=%2f&a=x y&c"), "a=x%20y&b=%2F&c=");
  EXPECT_EQ(query_of("/?a=%zz&a=%4"), "a=%254&a=%25zz");
  EXPECT_EQ(query_of("/?&&"), "");
  EXPECT_EQ(query_of("/?a=b=c"), "a=b%3Dc");
}

TEST(SigV4, WritesTheDateInUtc) {
  EXPECT_EQ(amz_date(1'440'938'160'000'000), kDate);
  EXPECT_EQ(amz_date(0), "19700101T000000Z");
  EXPECT_EQ(amz_date(1'709'164'800'999'999), "20240229T000000Z");
}

}  // namespace
}  // namespace outrigger::filters
