#include "proxy/http/headers.h"

#include <gtest/gtest.h>

#include <cctype>
#include <string>

#include "proxy/http/message.h"

namespace outrigger::http {
namespace {

struct NamedId {
  const char* name;
  HeaderId id;
};
constexpr NamedId kNamed[] = {
    {"Accept", HeaderId::kAccept},
    {"Accept-Encoding", HeaderId::kAcceptEncoding},
    {"Alt-Svc", HeaderId::kAltSvc},
    {"Authorization", HeaderId::kAuthorization},
    {"Cache-Control", HeaderId::kCacheControl},
    {"Connection", HeaderId::kConnection},
    {"Content-Encoding", HeaderId::kContentEncoding},
    {"Content-Length", HeaderId::kContentLength},
    {"Content-Type", HeaderId::kContentType},
    {"Cookie", HeaderId::kCookie},
    {"Date", HeaderId::kDate},
    {"Expect", HeaderId::kExpect},
    {"Forwarded", HeaderId::kForwarded},
    {"Grpc-Timeout", HeaderId::kGrpcTimeout},
    {"Host", HeaderId::kHost},
    {"HTTP2-Settings", HeaderId::kHttp2Settings},
    {"Idempotency-Key", HeaderId::kIdempotencyKey},
    {"Keep-Alive", HeaderId::kKeepAlive},
    {"Location", HeaderId::kLocation},
    {"Prefer", HeaderId::kPrefer},
    {"Proxy-Authenticate", HeaderId::kProxyAuthenticate},
    {"Proxy-Authorization", HeaderId::kProxyAuthorization},
    {"Proxy-Connection", HeaderId::kProxyConnection},
    {"Proxy-Status", HeaderId::kProxyStatus},
    {"Retry-After", HeaderId::kRetryAfter},
    {"Server", HeaderId::kServer},
    {"TE", HeaderId::kTe},
    {"Trailer", HeaderId::kTrailer},
    {"Transfer-Encoding", HeaderId::kTransferEncoding},
    {"Upgrade", HeaderId::kUpgrade},
    {"User-Agent", HeaderId::kUserAgent},
    {"Via", HeaderId::kVia},
    {"X-Api-Key", HeaderId::kXApiKey},
    {"X-Forwarded-For", HeaderId::kXForwardedFor},
    {"X-Request-Id", HeaderId::kXRequestId},
    {"Traceparent", HeaderId::kTraceparent},
    {"Tracestate", HeaderId::kTracestate},
};

TEST(HeaderId, KnowsEveryNameInAnyCase) {
  for (const auto& [name, id] : kNamed) {
    std::string text = name;
    EXPECT_EQ(header_id(text), id) << text;
    for (char& c : text) c = static_cast<char>(std::tolower(c));
    EXPECT_EQ(header_id(text), id) << text;
    for (char& c : text) c = static_cast<char>(std::toupper(c));
    EXPECT_EQ(header_id(text), id) << text;
  }
}

TEST(HeaderId, TakesNoOtherByteForTheRightOne) {
  for (const auto& [name, id] : kNamed) {
    for (std::size_t i = 0; i < std::string_view(name).size(); ++i) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text = name;
        text[i] = static_cast<char>(byte);
        const bool same = equals_ignore_case(text, name);
        EXPECT_EQ(header_id(text) == id, same) << name << " with byte " << byte << " at " << i;
      }
    }
    EXPECT_EQ(header_id(std::string(name) + "s"), HeaderId::kOther);
    EXPECT_EQ(header_id(std::string_view(name).substr(1)), HeaderId::kOther) << name;
  }
  EXPECT_EQ(header_id(""), HeaderId::kOther);
  EXPECT_EQ(header_id(std::string(300, 'a')), HeaderId::kOther);
}

TEST(OwnHeader, BeginsWithOurNameInAnyCase) {
  EXPECT_TRUE(is_own_header("Outrigger-Step"));
  EXPECT_TRUE(is_own_header("OUTRIGGER-x"));
  EXPECT_FALSE(is_own_header("outrigger-"));
  EXPECT_FALSE(is_own_header("outrigger"));
  EXPECT_FALSE(is_own_header("x-outrigger-step"));
}

Headers three() {
  Headers headers;
  headers.add("X-A", "1");
  headers.add("Cookie", "a=b");
  headers.add("x-a", "2");
  return headers;
}

TEST(Headers, FindsTheFirstFieldByIdAndByName) {
  const Headers headers = three();
  EXPECT_EQ(headers.find("X-a")->value, "1");
  EXPECT_EQ(headers.find(HeaderId::kCookie), headers.find("COOKIE"));
  EXPECT_EQ(headers.get(HeaderId::kCookie), "a=b");
  EXPECT_EQ(headers.find("x-b"), nullptr);
  EXPECT_EQ(headers.find(HeaderId::kHost), nullptr);
  EXPECT_EQ(headers.get(HeaderId::kHost), "");
  EXPECT_EQ(headers.count(HeaderId::kCookie), 1u);
}

TEST(Headers, SetsInPlaceAndDropsTheOthers) {
  Headers headers = three();
  headers.set("X-A", "3");
  ASSERT_EQ(headers.size(), 2u);
  EXPECT_EQ(headers.begin()->name, "X-A");
  EXPECT_EQ(headers.begin()->value, "3");
  headers.set("cookie", "c=d");
  EXPECT_EQ(headers.fields()[1].value, "c=d");
  headers.set("Host", "a.test");
  EXPECT_EQ(headers.fields()[2].id, HeaderId::kHost);
}

TEST(Headers, RemovesEveryFieldOfANameAndKeepsTheOrder) {
  Headers headers = three();
  headers.add("Via", "1.1 x");
  headers.remove("X-A");
  ASSERT_EQ(headers.size(), 2u);
  EXPECT_EQ(headers.fields()[0].id, HeaderId::kCookie);
  EXPECT_EQ(headers.fields()[1].id, HeaderId::kVia);
  headers.remove(HeaderId::kCookie);
  EXPECT_EQ(headers.size(), 1u);
  headers.remove("via");
  EXPECT_TRUE(headers.empty());
}

TEST(Headers, KeepViewsValidWhileTheListGrowsAndMoves) {
  Headers headers;
  const std::string_view first = headers.intern("first");
  for (int i = 0; i < 300; ++i)
    headers.add("x-" + std::to_string(i), std::string(i * 7 % 900, 'v'));
  Headers moved = std::move(headers);
  EXPECT_EQ(first, "first");
  EXPECT_EQ(moved.find("x-299")->value.size(), 299u * 7 % 900);
  EXPECT_EQ(moved.find("x-0")->value, "");
}

TEST(Headers, JoinTwoTextsInTheArena) {
  Headers headers;
  EXPECT_EQ(headers.intern("ab", "cd"), "abcd");
  EXPECT_EQ(headers.intern("", ""), "");
  EXPECT_EQ(headers.intern(std::string(5000, 'x'), "y").size(), 5001u);
}

TEST(Headers, CopiesAreDeep) {
  Headers copy;
  {
    Headers original;
    Slice text = Slice::copy("X-Name: value");
    original.add_view(HeaderId::kOther, text.view().substr(0, 6), text.view().substr(8));
    original.keep(std::move(text));
    copy = original;
    original.set("x-name", "changed");
  }
  EXPECT_EQ(copy.find("x-name")->value, "value");
  const Headers& same = copy;
  copy = same;
  EXPECT_EQ(copy.find("x-name")->value, "value");
  const Headers second(copy);
  copy.clear();
  EXPECT_EQ(second.find("x-name")->value, "value");
}

TEST(Headers, LeaveNoBlockBehind) {
  const std::size_t before = Block::live();
  {
    Headers headers = three();
    const Headers copy = headers;
    headers.clear();
    headers.add("x", std::string(3000, 'y'));
    headers = copy;
  }
  EXPECT_EQ(Block::live(), before);
}

TEST(Method, IsKnownByItsExactSpelling) {
  EXPECT_EQ(method_of("GET"), Method::kGet);
  EXPECT_EQ(method_of("HEAD"), Method::kHead);
  EXPECT_EQ(method_of("POST"), Method::kPost);
  EXPECT_EQ(method_of("PUT"), Method::kPut);
  EXPECT_EQ(method_of("DELETE"), Method::kDelete);
  EXPECT_EQ(method_of("CONNECT"), Method::kConnect);
  EXPECT_EQ(method_of("OPTIONS"), Method::kOptions);
  EXPECT_EQ(method_of("TRACE"), Method::kTrace);
  EXPECT_EQ(method_of("PATCH"), Method::kPatch);
  EXPECT_EQ(method_of("get"), Method::kOther);
  EXPECT_EQ(method_of(""), Method::kOther);
}

TEST(Method, IsSafeOrIdempotentAsTheStandardSays) {
  EXPECT_TRUE(is_safe(Method::kOptions));
  EXPECT_FALSE(is_safe(Method::kPut));
  EXPECT_TRUE(is_idempotent(Method::kPut));
  EXPECT_TRUE(is_idempotent(Method::kDelete));
  EXPECT_FALSE(is_idempotent(Method::kPost));
  EXPECT_FALSE(is_idempotent(Method::kPatch));
  EXPECT_FALSE(is_idempotent(Method::kOther));
}

}  // namespace
}  // namespace outrigger::http
