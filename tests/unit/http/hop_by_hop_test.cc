#include "proxy/http/hop_by_hop.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

namespace outrigger::http {
namespace {

using Fields = std::initializer_list<std::pair<const char*, const char*>>;

Headers list(Fields fields) {
  Headers headers;
  for (const auto& [name, value] : fields) headers.add(name, value);
  return headers;
}

std::string left_of(Fields fields) {
  Headers headers = list(fields);
  remove_hop_by_hop(headers);
  std::string out;
  for (const Field& field : headers) {
    out += std::string(field.name) + ": " + std::string(field.value) + "\n";
  }
  return out;
}

TEST(HopByHop, FieldsOfOneConnectionDoNotTravelOn) {
  EXPECT_EQ(left_of({{"Accept", "a"},
                     {"Connection", "keep-alive"},
                     {"Keep-Alive", "timeout=5"},
                     {"Proxy-Connection", "keep-alive"},
                     {"Transfer-Encoding", "chunked"},
                     {"Upgrade", "websocket"},
                     {"HTTP2-Settings", "AAAA"},
                     {"Proxy-Authorization", "Basic x"},
                     {"Proxy-Authenticate", "Basic"},
                     {"Proxy-Authentication-Info", "x"},
                     {"Proxy-Status", "x"},
                     {"X-B", "b"}}),
            "Accept: a\nProxy-Status: x\nX-B: b\n");
}

TEST(HopByHop, WhatConnectionNamesGoesToo) {
  EXPECT_EQ(left_of({{"X-A", "1"},
                     {"Connection", "close, x-a"},
                     {"X-B", "2"},
                     {"x-a", "3"},
                     {"Connection", "X-C"},
                     {"X-C", "4"}}),
            "X-B: 2\n");
}

TEST(HopByHop, WhatGivesAMessageItsMeaningStaysWhateverConnectionNames) {
  EXPECT_EQ(left_of({{"Host", "a"},
                     {"Content-Length", "1"},
                     {"Content-Type", "t"},
                     {"Authorization", "x"},
                     {"Cookie", "c"},
                     {"Idempotency-Key", "k"},
                     {"X-Api-Key", "k"},
                     {"Outrigger-Step", "s"},
                     {"Connection",
                      "host, content-length, content-type, authorization, cookie, "
                      "idempotency-key, x-api-key, outrigger-step, te"}}),
            "Host: a\nContent-Length: 1\nContent-Type: t\nAuthorization: x\nCookie: c\n"
            "Idempotency-Key: k\nX-Api-Key: k\nOutrigger-Step: s\n");
}

TEST(HopByHop, TeKeepsOnlyTheOfferOfTrailers) {
  EXPECT_EQ(left_of({{"TE", "trailers"}}), "te: trailers\n");
  EXPECT_EQ(left_of({{"TE", "gzip;q=0.5, Trailers"}, {"Connection", "TE"}}), "te: trailers\n");
  EXPECT_EQ(left_of({{"TE", "gzip"}}), "");
  EXPECT_EQ(left_of({{"TE", "xtrailers, trailers;q=0"}}), "");
}

TEST(Upgrade, IsRequestedOnlyWhenConnectionNamesIt) {
  EXPECT_EQ(requested_upgrade(list({{"Connection", "Upgrade"}, {"Upgrade", "websocket"}})),
            "websocket");
  EXPECT_EQ(requested_upgrade(list({{"Connection", "keep-alive, upgrade"}, {"Upgrade", "a/1, b"}})),
            "a/1, b");
  EXPECT_EQ(requested_upgrade(list({{"Upgrade", "websocket"}})), "");
  EXPECT_EQ(requested_upgrade(list({{"Connection", "upgrade"}})), "");
  EXPECT_EQ(requested_upgrade(list({{"Connection", "xupgrade"}, {"Upgrade", "websocket"}})), "");
}

TEST(Upgrade, IsIgnoredWhereWeWouldNotTunnel) {
  for (const char* value : {"h2c", "H2C", "websocket, h2c", "TLS/1.2", "HTTP/2.0", "h2", "", "a b",
                            "a/", "websocket,", "/1"}) {
    EXPECT_EQ(requested_upgrade(list({{"Connection", "upgrade"}, {"Upgrade", value}})), "")
        << value;
  }
  EXPECT_EQ(requested_upgrade(list(
                {{"Connection", "upgrade"}, {"Upgrade", "websocket"}, {"Upgrade", "websocket"}})),
            "");
}

TEST(Trailer, RulesFollowTheName) {
  const auto rule = [](const char* name) { return trailer_rule({name, "", header_id(name)}); };
  for (const char* name :
       {"Content-Length", "Transfer-Encoding", "Host", "Authorization", "Cookie", "X-Api-Key",
        "Idempotency-Key", "Outrigger-Step", "Connection", "TE", "Trailer", "Upgrade", "Via",
        "Forwarded", "X-Forwarded-For", "Expect", "Keep-Alive", "Proxy-Authorization"}) {
    EXPECT_EQ(rule(name), TrailerRule::kRefuse) << name;
  }
  for (const char* name :
       {"Content-Type", "Content-Encoding", "Cache-Control", "Set-Cookie", "Vary", "Retry-After",
        "Range", "Age", "If-Match", "WWW-Authenticate", "Location"}) {
    EXPECT_EQ(rule(name), TrailerRule::kDrop) << name;
  }
  for (const char* name :
       {"grpc-status", "grpc-message", "Server-Timing", "ETag", "Digest", "X-Checksum"}) {
    EXPECT_EQ(rule(name), TrailerRule::kPass) << name;
  }
}

TEST(Via, IsAppendedBehindEarlierHops) {
  Headers headers = list({{"Via", "1.0 first"}});
  const Via first("us-1"), second("us-2"), third("us-3");
  first.append_to(headers, Version::kHttp2);
  second.append_to(headers, Version::kHttp10);
  third.append_to(headers, Version::kHttp11);
  ASSERT_EQ(headers.count(HeaderId::kVia), 4u);
  EXPECT_EQ(headers.fields()[1].value, "2 us-1");
  EXPECT_EQ(headers.fields()[2].value, "1.0 us-2");
  EXPECT_EQ(headers.fields()[3].value, "1.1 us-3");
}

TEST(Via, ShowsALoopHoweverTheHopsAreWritten) {
  for (const char* value : {"1.1 us-1", "1.1 US-1", "1.0 fred, 1.1 us-1",
                            "HTTP/1.1\t us-1 (comment)", "1.1 a (b), 2 us-1(c), 1.1 d"}) {
    EXPECT_TRUE(Via("us-1").stands_in(list({{"Via", "1.1 other"}, {"Via", value}}))) << value;
  }
  for (const char* value : {"1.1 us-11", "1.1 xus-1", "us-1 other", "us-1", "1.1 a (us-1)", ""}) {
    EXPECT_FALSE(Via("us-1").stands_in(list({{"Via", value}}))) << value;
  }
}

}  // namespace
}  // namespace outrigger::http
