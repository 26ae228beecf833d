#include "proxy/net/destination_policy.h"

#include <gtest/gtest.h>

#include <vector>

namespace outrigger {
namespace {

SocketAddress address(std::string_view ip, std::uint16_t port = 443) {
  return *SocketAddress::parse(ip, port);
}

TEST(DestinationPolicy, AllowsListedNamesAndTheSubdomainsOfDottedOnes) {
  const DestinationPolicy policy({"API.example.com", ".Example.org"}, {}, {443, 80});
  EXPECT_TRUE(policy.check_name("api.example.com", 443));
  EXPECT_TRUE(policy.check_name("a.b.example.org", 80));
  for (const std::string_view host : {"example.com", "x.api.example.com", "example.org",
                                      "badexample.org", "api.example.com.evil.net"}) {
    const Status status = policy.check_name(host, 443);
    ASSERT_FALSE(status) << host;
    EXPECT_EQ(status.error().code, Errc::kDestination);
    EXPECT_EQ(status.error().reason, "http_request_denied");
  }
}

TEST(DestinationPolicy, WithoutNamesAllowsEveryName) {
  EXPECT_TRUE(DestinationPolicy({}, {}, {443}).check_name("anything.example", 443));
}

TEST(DestinationPolicy, AnUnreadableEntryAllowsNothing) {
  const DestinationPolicy policy({"*", ".", "bad host"}, {"10.0.0.0/99", "all"}, {443});
  EXPECT_FALSE(policy.check_name("a.example", 443));
  EXPECT_FALSE(policy.check_address(address("10.0.0.1")));
}

TEST(DestinationPolicy, RefusesPortsThatAreNotListed) {
  const DestinationPolicy policy({}, {}, {443, 80});
  EXPECT_TRUE(policy.check_name("a.example", 80));
  const Status status = policy.check_name("a.example", 22);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().detail.find("port 22"), std::string::npos);
}

TEST(DestinationPolicy, PassesOnlyGlobalAddressesAndAllowedNetworks) {
  const DestinationPolicy policy({}, {"10.1.0.0/16", "::1"}, {443});
  EXPECT_TRUE(policy.check_address(address("8.8.8.8")));
  EXPECT_TRUE(policy.check_address(address("10.1.2.3")));
  EXPECT_TRUE(policy.check_address(address("::1")));
  for (const std::string_view ip :
       {"10.2.0.1", "127.0.0.1", "169.254.169.254", "::ffff:8.8.8.8", "fd00:ec2::254", "0.0.0.0"}) {
    const Status status = policy.check_address(address(ip));
    ASSERT_FALSE(status) << ip;
    EXPECT_EQ(status.error().reason, "destination_ip_prohibited");
  }
  EXPECT_FALSE(policy.check_address(*SocketAddress::unix_path("/run/docker.sock")));
}

TEST(DestinationPolicy, OneRefusedAddressRefusesTheWholeAnswer) {
  const DestinationPolicy policy({}, {}, {443});
  EXPECT_TRUE(policy.check_addresses(std::vector{address("8.8.8.8"), address("1.1.1.1")}));
  EXPECT_FALSE(policy.check_addresses(std::vector{address("8.8.8.8"), address("127.0.0.1")}));
}

TEST(DestinationPolicy, RefusesOurOwnListenersWhateverIsAllowed) {
  DestinationPolicy policy({}, {"127.0.0.0/8", "::1"}, {443, 4170});
  policy.refuse_listeners(std::vector{address("0.0.0.0", 4170), address("::1", 4172)});
  EXPECT_FALSE(policy.check_address(address("127.0.0.1", 4170)));
  EXPECT_TRUE(policy.check_address(address("127.0.0.1", 4171)));
  EXPECT_FALSE(policy.check_address(address("::1", 4172)));
}

}  // namespace
}  // namespace outrigger
