#include "config/address.h"

#include <vector>

#include <gtest/gtest.h>

namespace outrigger::config {
namespace {

TEST(Url, IsTakenApart) {
  const auto endpoint = parse_url("https://API.Example.com:8443/v1/x/");
  ASSERT_TRUE(endpoint);
  EXPECT_TRUE(endpoint->tls);
  EXPECT_EQ(endpoint->host, "api.example.com");
  EXPECT_EQ(endpoint->port, 8443);
  EXPECT_EQ(endpoint->base_path, "/v1/x");
  EXPECT_EQ(endpoint->url, "https://API.Example.com:8443/v1/x/");
}

TEST(Url, HasTheDefaultPortOfItsScheme) {
  EXPECT_EQ(parse_url("https://a.example.com")->port, 443);
  EXPECT_EQ(parse_url("HTTP://a.example.com/")->port, 80);
  EXPECT_EQ(parse_url("http://a.example.com/")->base_path, "");
}

TEST(Url, TakesIpv6InBrackets) {
  const auto endpoint = parse_url("http://[FD00::0001]:8080");
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(endpoint->host, "fd00::1");
  EXPECT_EQ(endpoint->port, 8080);
}

TEST(Url, RefusesWhatCouldMeanTwoThings) {
  for (const char* text : {"",
                           "a.example.com",
                           "https://",
                           "https:///x",
                           "ftp://a",
                           "https://u:p@a.example.com",
                           "https://a?x=1",
                           "https://a#x",
                           "https://a:0",
                           "https://a:65536",
                           "https://a:080",
                           "https://a:",
                           "https://a:1:2",
                           "https://[::1",
                           "https://[nope]",
                           "https://[::1]x",
                           "https://::1",
                           "https://127.1",
                           "https://0x7f000001",
                           "https://2130706433",
                           "https://1.2.3.256",
                           "https://1.2.3.4.5",
                           "https://a..b",
                           "https://-a.example",
                           "https://a-.example",
                           "https://a b",
                           "https://a/b//c",
                           "https://a/./b",
                           "https://a/../b",
                           "https://a/%2e",
                           "https://a/b c",
                           "https://a/*",
                           "https://m\xc3\xbcnchen.example",
                           "https://a\\b"}) {
    EXPECT_FALSE(parse_url(text)) << text;
  }
}

TEST(ListenAddress, NamesItsInterface) {
  EXPECT_EQ(parse_listen_address("127.0.0.1:4170")->port, 4170);
  EXPECT_EQ(parse_listen_address("[::1]:4170")->host, "::1");
  EXPECT_EQ(parse_listen_address("localhost:4170")->host, "127.0.0.1");
  EXPECT_EQ(parse_listen_address("0.0.0.0:0")->port, 0);
  EXPECT_EQ(parse_listen_address("unix:/run/o.sock")->host, "/run/o.sock");
  for (const char* text :
       {"", "4170", ":4170", "*:4170", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "::1:4170",
        "example.com:80", "unix:", "unix:o.sock", "http://127.0.0.1:80"}) {
    EXPECT_FALSE(parse_listen_address(text)) << text;
  }
}

TEST(Host, IsCanonical) {
  EXPECT_EQ(parse_host("API.Example.COM."), "api.example.com");
  EXPECT_EQ(parse_host("::FFFF"), "::ffff");
  EXPECT_EQ(parse_host_port("A.example.com:8443"), "a.example.com:8443");
  EXPECT_EQ(parse_host_port("[FD00::1]:1"), "[fd00::1]:1");
  EXPECT_FALSE(parse_host("a.example.com:80"));
  EXPECT_FALSE(parse_host("https://a"));
  EXPECT_FALSE(parse_host(std::string(64, 'a') + ".example"));
}

TEST(PathPrefix, IsWholeSegments) {
  EXPECT_EQ(parse_path_prefix("/a/b/"), "/a/b");
  for (const char* text :
       {"", "/", "a", "//a", "/a//b", "/a/..", "/.", "/a?b", "/a#b", "/a%2fb", "/*", "/a b"}) {
    EXPECT_FALSE(parse_path_prefix(text)) << text;
  }
}

TEST(Network, HasNoBitBehindItsPrefix) {
  EXPECT_EQ(parse_network("10.0.0.0/8"), "10.0.0.0/8");
  EXPECT_EQ(parse_network("FD00::/8"), "fd00::/8");
  EXPECT_EQ(parse_network("0.0.0.0/0"), "0.0.0.0/0");
  EXPECT_EQ(parse_network("10.1.2.3/32"), "10.1.2.3/32");
  for (const char* text : {"10.0.0.1/8", "10.0.0.0", "10.0.0.0/33", "10.0/8", "fd00::1/64", "x/8",
                           "10.0.0.0/", "/8"}) {
    EXPECT_FALSE(parse_network(text)) << text;
  }
}

TEST(PrivateHost, IsWhereClearTextIsNoSurprise) {
  for (const char* host :
       {"127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.1.1",
        "100.64.0.1", "::1", "fd00::1", "fe80::1", "localhost", "ollama", "a.localhost",
        "svc.ns.svc.cluster.local", "printer.local", "db.internal"}) {
    EXPECT_TRUE(is_private_host(host)) << host;
  }
  for (const char* host : {"8.8.8.8", "172.32.0.1", "172.15.0.1", "100.128.0.1", "2001:db8::1",
                           "api.openai.com", "internal.example.com", "notlocalhost.com"}) {
    EXPECT_FALSE(is_private_host(host)) << host;
  }
}

}  // namespace
}  // namespace outrigger::config
