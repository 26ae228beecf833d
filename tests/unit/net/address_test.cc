#include "proxy/net/address.h"

#include <gtest/gtest.h>

#include <string>

namespace outrigger {
namespace {

struct AuthorityCase {
  std::string_view text;
  std::string_view host;  // empty: refused
  int port;               // -1: none given
  std::string_view why;
};

constexpr AuthorityCase kAuthorities[] = {
    {"example.com", "example.com", -1, "RFC 3986 3.2.2"},
    {"Example.COM:443", "example.com", 443, "RFC 3986 6.2.2.1: hosts are case-insensitive"},
    {"example.com.", "example.com", -1, "architecture 13: one trailing dot is stripped"},
    {"my_service.svc.cluster.local:8080", "my_service.svc.cluster.local", 8080,
     "underscores exist"},
    {"127.0.0.1:80", "127.0.0.1", 80, "RFC 3986 3.2.2 IPv4address"},
    {"127.0.0.1.", "127.0.0.1", -1, "the same address"},
    {"[::1]:8443", "::1", 8443, "RFC 3986 3.2.2 IP-literal"},
    {"[2001:DB8:0:0:0:0:0:1]", "2001:db8::1", -1, "RFC 5952 4"},
    {"a", "a", -1, "one letter"},
    {"3com.example", "3com.example", -1, "only the last label counts"},
    {"xn--bcher-kva.example", "xn--bcher-kva.example", -1, "IDNA in ASCII"},
    {"h:1", "h", 1, "least port"},
    {"h:65535", "h", 65535, "greatest port"},
    {"", "", -1, "empty"},
    {":80", "", -1, "no host"},
    {"h:", "", -1, "empty port"},
    {"h:0", "", -1, "port zero"},
    {"h:080", "", -1, "leading zero"},
    {"h:65536", "", -1, "port too large"},
    {"h:8x", "", -1, "not a number"},
    {"h:+80", "", -1, "sign"},
    {"h:80:80", "", -1, "two ports"},
    {"user@h", "", -1, "RFC 9110 4.2.4: user-info"},
    {"user:pass@h:80", "", -1, "RFC 9110 4.2.4: user-info"},
    {"h/path", "", -1, "not an authority"},
    {"h?q", "", -1, "not an authority"},
    {"h h", "", -1, "space"},
    {"h%41", "", -1, "percent encoding"},
    {"b\xc3\xbc"
     "cher.example",
     "", -1, "architecture 13: IDNA only as ASCII"},
    {"a..b", "", -1, "empty label"},
    {".a", "", -1, "empty label"},
    {".", "", -1, "root alone"},
    {"a..", "", -1, "two trailing dots"},
    {"0x7f.1", "", -1, "architecture 13: inet_aton form"},
    {"0x7f000001", "", -1, "inet_aton form"},
    {"2130706433", "", -1, "inet_aton form"},
    {"0177.0.0.1", "", -1, "octal"},
    {"127.1", "", -1, "inet_aton form"},
    {"1.2.3", "", -1, "inet_aton form"},
    {"1.2.3.4.5", "", -1, "a number that is no address"},
    {"256.1.1.1", "", -1, "a number that is no address"},
    {"host.0x", "", -1, "WHATWG URL: ends in a number"},
    {"1.2.3.4.", "1.2.3.4", -1, "trailing dot"},
    {"[fe80::1%eth0]", "", -1, "zone"},
    {"[fe80::1%25eth0]", "", -1, "zone, RFC 6874"},
    {"[v1.x]", "", -1, "IPvFuture"},
    {"[127.0.0.1]", "", -1, "brackets are for IPv6"},
    {"[::1", "", -1, "unclosed"},
    {"[::1]x", "", -1, "text after the bracket"},
    {"[::1]:", "", -1, "empty port"},
    {"::1", "", -1, "IPv6 needs brackets"},
    {"[]", "", -1, "empty literal"},
};

TEST(ParseAuthority, ReadsHostsInOneFormAndRefusesAmbiguousOnes) {
  for (const AuthorityCase& row : kAuthorities) {
    const std::optional<Authority> authority = parse_authority(row.text);
    SCOPED_TRACE(std::string(row.text) + " (" + std::string(row.why) + ")");
    ASSERT_EQ(authority.has_value(), !row.host.empty());
    if (!authority) continue;
    EXPECT_EQ(authority->host, row.host);
    EXPECT_EQ(authority->port ? int{*authority->port} : -1, row.port);
  }
}

TEST(ParseAuthority, BoundsNamesAndLabels) {
  const std::string label(63, 'a');
  EXPECT_TRUE(parse_authority(label));
  EXPECT_FALSE(parse_authority(label + "a"));
  const std::string name = label + "." + label + "." + label + "." + std::string(61, 'b');
  EXPECT_TRUE(parse_authority(name));
  EXPECT_FALSE(parse_authority(name + "b"));
  EXPECT_FALSE(parse_authority(std::string_view("a\0b", 3)));
}

TEST(ParseAuthority, IsAFixedPoint) {
  for (const AuthorityCase& row : kAuthorities) {
    const std::optional<Authority> once = parse_authority(row.text);
    if (!once) continue;
    EXPECT_EQ(canonical_host(once->host), once->host);
  }
}

struct ClassCase {
  std::string_view address;
  AddressClass expected;
};

constexpr ClassCase kClasses[] = {
    // IANA IPv4 Special-Purpose Address Registry, both ends of each range
    {"0.0.0.0", AddressClass::kUnspecified},
    {"0.255.255.255", AddressClass::kUnspecified},
    {"1.0.0.0", AddressClass::kGlobal},
    {"10.0.0.0", AddressClass::kPrivate},
    {"10.255.255.255", AddressClass::kPrivate},
    {"11.0.0.0", AddressClass::kGlobal},
    {"100.63.255.255", AddressClass::kGlobal},
    {"100.64.0.0", AddressClass::kShared},
    {"100.127.255.255", AddressClass::kShared},
    {"100.128.0.0", AddressClass::kGlobal},
    {"127.0.0.1", AddressClass::kLoopback},
    {"127.255.255.255", AddressClass::kLoopback},
    {"169.253.255.255", AddressClass::kGlobal},
    {"169.254.0.1", AddressClass::kLinkLocal},
    {"169.254.255.255", AddressClass::kLinkLocal},
    {"172.15.255.255", AddressClass::kGlobal},
    {"172.16.0.0", AddressClass::kPrivate},
    {"172.31.255.255", AddressClass::kPrivate},
    {"172.32.0.0", AddressClass::kGlobal},
    {"192.0.0.1", AddressClass::kReserved},
    {"192.0.2.1", AddressClass::kDocumentation},
    {"192.88.99.1", AddressClass::kTranslated},
    {"192.168.0.1", AddressClass::kPrivate},
    {"192.169.0.0", AddressClass::kGlobal},
    {"198.17.255.255", AddressClass::kGlobal},
    {"198.18.0.0", AddressClass::kBenchmarking},
    {"198.19.255.255", AddressClass::kBenchmarking},
    {"198.51.100.7", AddressClass::kDocumentation},
    {"203.0.113.7", AddressClass::kDocumentation},
    {"223.255.255.255", AddressClass::kGlobal},
    {"224.0.0.1", AddressClass::kMulticast},
    {"239.255.255.255", AddressClass::kMulticast},
    {"240.0.0.1", AddressClass::kReserved},
    {"255.255.255.255", AddressClass::kReserved},
    // instance metadata (architecture 13)
    {"169.254.169.254", AddressClass::kMetadata},
    {"169.254.170.2", AddressClass::kMetadata},
    {"168.63.129.16", AddressClass::kMetadata},
    {"100.100.100.200", AddressClass::kMetadata},
    {"192.0.0.192", AddressClass::kMetadata},
    {"fd00:ec2::254", AddressClass::kMetadata},
    {"fd20:ce::254", AddressClass::kMetadata},
    // IANA IPv6 Special-Purpose Address Registry
    {"::", AddressClass::kUnspecified},
    {"::1", AddressClass::kLoopback},
    {"::2", AddressClass::kTranslated},
    {"::127.0.0.1", AddressClass::kTranslated},
    {"::ffff:8.8.8.8", AddressClass::kTranslated},
    {"::ffff:0:8.8.8.8", AddressClass::kTranslated},
    {"64:ff9b::8.8.8.8", AddressClass::kTranslated},
    {"64:ff9b:1::1", AddressClass::kTranslated},
    {"100::1", AddressClass::kReserved},
    {"2001::1", AddressClass::kTranslated},
    {"2001:2::1", AddressClass::kBenchmarking},
    {"2001:20::1", AddressClass::kReserved},
    {"2001:db8::1", AddressClass::kDocumentation},
    {"2001:200::1", AddressClass::kGlobal},
    {"2002:7f00:1::", AddressClass::kTranslated},
    {"2606:4700:4700::1111", AddressClass::kGlobal},
    {"3fff:fff::1", AddressClass::kDocumentation},
    {"3fff:1000::1", AddressClass::kGlobal},
    {"4000::1", AddressClass::kReserved},
    {"5f00::1", AddressClass::kReserved},
    {"fc00::1", AddressClass::kPrivate},
    {"fdff::1", AddressClass::kPrivate},
    {"fe80::1", AddressClass::kLinkLocal},
    {"febf::1", AddressClass::kLinkLocal},
    {"fec0::1", AddressClass::kReserved},
    {"ff02::1", AddressClass::kMulticast},
};

TEST(Classify, KnowsEveryRangeThatIsNotGlobal) {
  for (const ClassCase& row : kClasses) {
    const std::optional<SocketAddress> address = SocketAddress::parse(row.address, 80);
    ASSERT_TRUE(address) << row.address;
    EXPECT_EQ(to_string(classify(*address)), to_string(row.expected)) << row.address;
  }
  EXPECT_EQ(classify(*SocketAddress::unix_path("/run/x")), AddressClass::kLocalSocket);
}

TEST(SocketAddress, IsWrittenAsItIsRead) {
  for (const std::string_view text : {"127.0.0.1", "::1", "2001:db8::7"}) {
    const SocketAddress address = *SocketAddress::parse(text, 4170);
    EXPECT_EQ(address.host(), text);
    EXPECT_EQ(address.port(), 4170);
    EXPECT_EQ(SocketAddress::from(address.raw(), address.size()), address);
    EXPECT_EQ(address.with_port(1).port(), 1);
    EXPECT_NE(address.with_port(1), address);
  }
  EXPECT_EQ(SocketAddress::parse("::1", 80)->to_string(), "[::1]:80");
  EXPECT_EQ(SocketAddress::parse("127.0.0.1", 80)->to_string(), "127.0.0.1:80");
}

TEST(SocketAddress, RefusesWhatIsNotOneAddress) {
  for (const std::string_view text : {"", "localhost", "127.1", "0177.0.0.1", "1.2.3.4 ", "::1%lo",
                                      "[::1]", "1.2.3.4:80", ":::", "2130706433"}) {
    EXPECT_FALSE(SocketAddress::parse(text, 80)) << text;
  }
}

TEST(SocketAddress, NamesUnixSocketsByPath) {
  const SocketAddress address = *SocketAddress::unix_path("/run/outrigger.sock");
  EXPECT_EQ(address.to_string(), "unix:/run/outrigger.sock");
  EXPECT_EQ(address.port(), 0);
  EXPECT_EQ(address, *SocketAddress::unix_path("/run/outrigger.sock"));
  EXPECT_NE(address, *SocketAddress::unix_path("/run/other.sock"));
  EXPECT_FALSE(SocketAddress::unix_path(""));
  EXPECT_TRUE(SocketAddress::unix_path(std::string(107, 'a')));
  EXPECT_FALSE(SocketAddress::unix_path(std::string(108, 'a')));
}

TEST(Network, HoldsTheAddressesOfItsPrefix) {
  struct Case {
    std::string_view network, address;
    bool inside;
  };
  constexpr Case kCases[] = {
      {"10.0.0.0/8", "10.255.0.1", true},    {"10.0.0.0/8", "11.0.0.1", false},
      {"172.16.0.0/12", "172.31.0.1", true}, {"172.16.0.0/12", "172.32.0.1", false},
      {"10.1.2.3", "10.1.2.3", true},        {"10.1.2.3", "10.1.2.4", false},
      {"0.0.0.0/0", "8.8.8.8", true},        {"0.0.0.0/0", "::1", false},
      {"fd00::/8", "fd12::1", true},         {"fd00::/8", "fe80::1", false},
      {"fd00::/9", "fd80::1", false},        {"::1/128", "::1", true},
  };
  for (const Case& row : kCases) {
    const std::optional<Network> network = Network::parse(row.network);
    ASSERT_TRUE(network) << row.network;
    EXPECT_EQ(network->contains(*SocketAddress::parse(row.address, 0)), row.inside)
        << row.network << " " << row.address;
  }
  for (const std::string_view bad : {"", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08",
                                     "x/8", "10/8", "::/129", "10.0.0.0/8x"}) {
    EXPECT_FALSE(Network::parse(bad)) << bad;
  }
}

}  // namespace
}  // namespace outrigger
