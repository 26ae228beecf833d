#include "filters/idempotency/request_key.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <utility>

#include "proxy/base/random.h"

namespace outrigger::filters {
namespace {

using Why = KeyRefusal::Why;
using Extent = BodyText::Extent;
using Lines = std::initializer_list<std::pair<std::string_view, std::string_view>>;

http::RequestHead head_of(Lines lines, http::Method method = http::Method::kPost) {
  http::RequestHead head;
  head.method = method;
  for (const auto& [name, value] : lines) head.headers.add(name, value);
  return head;
}

// "source text", "none", or the code of the refusal.
std::string outcome(const http::RequestHead& head, const BodyText& body = {},
                    const config::Idempotency& policy = {}, const StepName& step = {}) {
  const auto found = find_key(head, body, policy, step);
  if (!found) return std::string(to_string(found.error().why));
  if (!*found) return "none";
  return std::string(to_string((*found)->source)) + " " + (*found)->text;
}
std::string of_header(std::string_view value) {
  return outcome(head_of({{"Idempotency-Key", value}}));
}

TEST(RequestKey, ReadsTheHeaderAsAStringOrBare) {
  const std::string longest(kLongestKey, 'k');
  struct Row {
    std::string value, wanted;
  };
  const Row rows[] = {
      {"abc", "header abc"},
      {R"("abc")", "header abc"},  // draft-ietf-httpapi-idempotency-key-header 2.1
      {R"("a\"b\\c")", R"(header a"b\c)"},
      {R"(a"b\c)", R"(header a"b\c)"},
      {R"("a b")", "header a b"},
      {R"("a,b;c")", "header a,b;c"},
      {"a,b;c", "header a,b;c"},  // bare, it is taken as it is
      // parameters (RFC 8941 3.1.2)
      {R"("abc";v=1)", "header abc"},
      {R"("abc" ; v ; w="x,\";y" ;z)", "header abc"},
      {R"("abc" )", "header abc"},
      {R"("abc";w="x)", "idempotency_key_invalid"},
      // two lines that somebody joined
      {R"("abc", "def")", "idempotency_key_repeated"},
      {R"("abc";v=1,"def")", "idempotency_key_repeated"},
      // no string
      {R"("abc)", "idempotency_key_invalid"},
      {R"(")", "idempotency_key_invalid"},
      {R"("a\bc")", "idempotency_key_invalid"},
      {R"("abc\)", "idempotency_key_invalid"},
      {R"("abc"def)", "idempotency_key_invalid"},
      // no key
      {"", "idempotency_key_invalid"},
      {R"("")", "idempotency_key_invalid"},
      {longest, "header " + longest},
      {"\"" + longest + "\"", "header " + longest},
      {longest + "k", "idempotency_key_invalid"},
      {"a\tb", "idempotency_key_invalid"},
      {std::string("a\0b", 3), "idempotency_key_invalid"},
      {"a\x7f", "idempotency_key_invalid"},
      {"\"a\x01\"", "idempotency_key_invalid"},
      {"caf\xc3\xa9", "idempotency_key_invalid"},
  };
  for (const Row& row : rows) EXPECT_EQ(of_header(row.value), row.wanted) << row.value;
}

TEST(RequestKey, RefusesTwoLines) {
  for (const std::string_view second : {"a", "b", ""}) {
    EXPECT_EQ(outcome(head_of({{"Idempotency-Key", "a"}, {"idempotency-key", second}})),
              "idempotency_key_repeated");
  }
}

TEST(RequestKey, ReadsTheConfiguredHeaderOnly) {
  config::Idempotency policy;
  policy.header = "paypal-request-id";
  const auto head = head_of({{"Idempotency-Key", "a"}, {"PayPal-Request-Id", "b"}});
  EXPECT_EQ(outcome(head, {}, policy), "header b");
}

TEST(RequestKey, ReadsTheBodyAtTheConfiguredPlace) {
  struct Row {
    std::string_view pointer, body, wanted;
    Extent extent = Extent::kWhole;
  };
  constexpr std::string_view kInvalid = "idempotency_key_invalid";
  constexpr std::string_view kRepeated = "idempotency_key_repeated";
  constexpr std::string_view kUnread = "idempotency_key_unread";
  const Row rows[] = {
      {"/k", R"({"a":{"k":1},"k":"abc"})", "json abc"},
      {"/k", R"({"\u006b":"\u0061bc"})", "json abc"},
      {"/k", "\xef\xbb\xbf{\"k\":\"abc\"}", "json abc"},
      {"/k", R"({"k":9007199254740993})", "json 9007199254740993"},
      {"/k", R"({"k":-1.50})", "json -1.50"},
      {"/a/1/k~1x", R"({"a":[{},{"k/x":"abc"}]})", "json abc"},
      {"/k", R"({"k":"a b\"c"})", R"(json a b"c)"},
      // none
      {"/k", R"({"k":null})", "none"},
      {"/k", R"({"K":"abc"})", "none"},
      {"/a/k", R"({"a":"k"})", "none"},
      {"/a/01", R"({"a":["x","y"]})", "none"},
      {"/k", "k=abc", "none"},
      {"/k", "", "none"},
      {"", R"({"k":"abc"})", "none"},
      // no key
      {"/k", R"({"k":""})", kInvalid},
      {"/k", R"({"k":true})", kInvalid},
      {"/k", R"({"k":["abc"]})", kInvalid},
      {"/k", R"({"k":"a\u0000"})", kInvalid},
      {"/k", R"({"k":"caf\u00e9"})", kInvalid},
      {"/k", R"({"k":"\ud800"})", kInvalid},
      // two: readers differ in which they take
      {"/k", R"({"k":"abc","k":"abc"})", kRepeated},
      {"/a/k", R"({"a":{"k":1},"a":{"k":1}})", kRepeated},
      // cut
      {"/k", R"({"k":"abc","l":"x)", "json abc", Extent::kPrefix},
      {"/k", R"({"k":"abc)", kUnread, Extent::kPrefix},
      {"/k", R"({"k":12)", kUnread, Extent::kPrefix},
      {"/k", R"({"k":12)", "json 12", Extent::kWhole},
      {"/k", R"({"k":12,)", "json 12", Extent::kPrefix},
      {"/k", R"({"l":"x","k)", kUnread, Extent::kPrefix},
      {"/k", "", kUnread, Extent::kPrefix},
      {"/k", R"({"l":1}   )", "none", Extent::kPrefix},
      {"/k", "--boundary\r\n", "none", Extent::kPrefix},
  };
  for (const Row& row : rows) {
    config::Idempotency policy;
    policy.json = row.pointer;
    EXPECT_EQ(outcome(head_of({}), {row.body, row.extent}, policy), row.wanted)
        << row.pointer << " " << row.body;
  }
}

TEST(RequestKey, TakesTheFirstSourceThatThereIs) {
  config::Idempotency policy;
  policy.json = "/k";
  const BodyText body{R"({"k":"of the body"})"};
  const StepName step{"run", "pay"};
  const Lines all = {{"idempotency-key", "of the header"},
                     {"amz-sdk-invocation-id", "uuid"},
                     {"x-stainless-retry-count", "1"}};
  const Lines libraries = {{"amz-sdk-invocation-id", "uuid"}, {"x-stainless-retry-count", "1"}};
  EXPECT_FALSE(needs_body(head_of(all).headers, policy));
  EXPECT_TRUE(needs_body(head_of(libraries).headers, policy));
  EXPECT_FALSE(needs_body(head_of(libraries).headers, {}));
  EXPECT_EQ(outcome(head_of(all), body, policy, step), "header of the header");
  EXPECT_EQ(outcome(head_of(libraries), body, policy, step), "json of the body");
  EXPECT_EQ(outcome(head_of(libraries), {}, policy, step), "step 3:runpay");
  EXPECT_EQ(outcome(head_of(libraries), {}, policy), "invocation uuid");
  EXPECT_EQ(outcome(head_of({{"x-stainless-retry-count", "1"}}), {}, policy), "library ");
  EXPECT_EQ(outcome(head_of({}), {}, policy), "none");
}

TEST(RequestKey, NoTwoStepsHaveOneKey) {
  EXPECT_NE(outcome(head_of({}), {}, {}, {"a", "bc"}), outcome(head_of({}), {}, {}, {"ab", "c"}));
  EXPECT_NE(outcome(head_of({}), {}, {}, {"1:a", "b"}), outcome(head_of({}), {}, {}, {"1", ":ab"}));
  EXPECT_EQ(outcome(head_of({}), {}, {}, {"a", ""}), "none");
  EXPECT_EQ(outcome(head_of({}), {}, {}, {"", "a"}), "none");
  config::Idempotency policy;
  policy.steps = false;
  EXPECT_EQ(outcome(head_of({}), {}, policy, {"a", "b"}), "none");
}

TEST(RequestKey, KnowsARepetitionOfALibrary) {
  struct Row {
    std::string_view count;
    std::optional<std::uint32_t> retries;
  };
  constexpr Row kRows[] = {{"0", 0},
                           {"2", 2},
                           {"", std::nullopt},
                           {"-1", std::nullopt},
                           {"1x", std::nullopt},
                           {"99999999999", std::nullopt}};
  for (const Row& row : kRows) {
    const auto head = head_of({{"X-Stainless-Retry-Count", row.count}});
    const auto found = find_key(head, {}, {}, {});
    ASSERT_TRUE(found) << row.count;
    ASSERT_EQ(found->has_value(), row.retries.has_value()) << row.count;
    if (row.retries) EXPECT_EQ(**found, (RequestKey{KeySource::kLibrary, {}, *row.retries}));
  }
  config::Idempotency policy;
  policy.sdk_retries = false;
  EXPECT_EQ(outcome(head_of({{"amz-sdk-invocation-id", "uuid"}, {"x-stainless-retry-count", "1"}}),
                    {}, policy),
            "none");
}

// It did not ask for anything, so it is refused nothing.
TEST(RequestKey, PassesOverWhatALibrarySendsInAnotherForm) {
  const std::string longer(kLongestKey + 1, 'i');
  EXPECT_EQ(outcome(head_of({{"amz-sdk-invocation-id", longer}})), "none");
  EXPECT_EQ(outcome(head_of({{"amz-sdk-invocation-id", ""}})), "none");
  EXPECT_EQ(outcome(head_of({{"amz-sdk-invocation-id", "a"}, {"amz-sdk-invocation-id", "b"}})),
            "none");
}

TEST(RequestKey, ALibraryKeyIsOfItsRequest) {
  Fingerprint fingerprint;
  const std::string raw = library_text(fingerprint);
  EXPECT_EQ(raw, "raw:" + std::string(64, '0'));
  fingerprint.kind = FingerprintKind::kCanonical;
  EXPECT_NE(library_text(fingerprint), raw);
  fingerprint.sha256[31] = 1;
  EXPECT_TRUE(library_text(fingerprint).ends_with("01"));
}

TEST(RequestKey, IsMissedWhereAWriteNeedsOne) {
  config::Idempotency policy;
  policy.required = true;
  const Lines library = {{"x-stainless-retry-count", "1"}};
  constexpr std::string_view kMissing = "idempotency_key_missing";
  using http::Method;
  EXPECT_EQ(outcome(head_of({}, Method::kPost), {}, policy), kMissing);
  EXPECT_EQ(outcome(head_of({}, Method::kPatch), {}, policy), kMissing);
  EXPECT_EQ(outcome(head_of(library, Method::kPost), {}, policy), kMissing);
  EXPECT_EQ(outcome(head_of({}, Method::kGet), {}, policy), "none");
  EXPECT_EQ(outcome(head_of({}, Method::kDelete), {}, policy), "none");
  EXPECT_EQ(outcome(head_of({{"amz-sdk-invocation-id", "i"}}), {}, policy), "invocation i");
  EXPECT_EQ(outcome(head_of({}), {}, policy, {"run", "pay"}), "step 3:runpay");
}

TEST(RequestKey, ARefusalSaysWhatIsWrongAndHowToMendItAndNotTheKey) {
  const auto detail = [](Lines lines, const BodyText& body = {}) {
    config::Idempotency policy;
    policy.json = "/k";
    policy.required = true;
    return find_key(head_of(lines), body, policy, {}).error().detail;
  };
  EXPECT_EQ(detail({{"idempotency-key", std::string(300, 'k')}}),
            "the key in the header idempotency-key has 300 characters; send 1 to 255 characters of "
            "printable ASCII that are new for each operation, such as a UUID");
  EXPECT_TRUE(detail({{"idempotency-key", "secret\x01"}})
                  .contains("has a control character as its character 7;"));
  EXPECT_FALSE(detail({{"idempotency-key", "secret\x01"}}).contains("secret"));
  EXPECT_TRUE(detail({}, {R"({"k":"é"})"}).contains("at /k has something else than ASCII"));
  EXPECT_TRUE(detail({}, {R"({"k":)", Extent::kPrefix}).starts_with("the first 5 bytes"));
  EXPECT_TRUE(detail({}).contains("send the header idempotency-key"));
}

TEST(RequestKey, TakesAnyBytes) {
  Random random(14);
  constexpr std::string_view kParts[] = {"{", "}",    "[", "]",     "\"",     "\\",
                                         ":", ",",    "k", "\"k\"", "\"k\":", "1",
                                         "-", "\xff", ";", " ",     "\\u00",  "\""};
  config::Idempotency policy;
  policy.json = "/k";
  for (int i = 0; i < 50'000; ++i) {
    std::string text = random.below(2) == 0 ? "{" : "\"";
    for (std::uint64_t n = random.below(12); n > 0; --n) {
      text += kParts[random.below(std::size(kParts))];
    }
    const Extent extent = random.below(2) == 0 ? Extent::kWhole : Extent::kPrefix;
    for (const bool header : {false, true}) {
      const auto head = header ? head_of({{"idempotency-key", text}}) : head_of({});
      const auto found = find_key(head, {text, extent}, policy, {});
      if (!found) EXPECT_FALSE(found.error().detail.empty());
      if (found && *found) EXPECT_TRUE(!(*found)->text.empty()) << text;
    }
  }
}

}  // namespace
}  // namespace outrigger::filters
