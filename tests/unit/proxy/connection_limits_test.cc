#include "proxy/connection_limits.h"

#include <gtest/gtest.h>

namespace outrigger {
namespace {

using Verdict = ConnectionLimits::Verdict;

SocketAddress client(std::string_view ip, std::uint16_t port = 1) {
  return *SocketAddress::parse(ip, port);
}

TEST(ConnectionLimits, CountsAClientByItsAddressWhateverItsPort) {
  ConnectionLimits limits;
  limits.set(10, 2);
  EXPECT_EQ(limits.admit(client("10.0.0.1", 1000)), Verdict::kAdmitted);
  EXPECT_EQ(limits.admit(client("10.0.0.1", 1001)), Verdict::kAdmitted);
  EXPECT_EQ(limits.admit(client("10.0.0.1", 1002)), Verdict::kClientLimit);
  EXPECT_EQ(limits.admit(client("10.0.0.2", 1000)), Verdict::kAdmitted);
}

TEST(ConnectionLimits, BoundTheWholeProcess) {
  ConnectionLimits limits;
  limits.set(2, 2);
  EXPECT_EQ(limits.admit(client("10.0.0.1")), Verdict::kAdmitted);
  EXPECT_EQ(limits.admit(client("::1")), Verdict::kAdmitted);
  EXPECT_EQ(limits.admit(client("10.0.0.3")), Verdict::kProcessLimit);
  EXPECT_EQ(limits.open(), 2u);
}

TEST(ConnectionLimits, ARefusalCountsNothing) {
  ConnectionLimits limits;
  limits.set(10, 1);
  EXPECT_EQ(limits.admit(client("10.0.0.1")), Verdict::kAdmitted);
  EXPECT_EQ(limits.admit(client("10.0.0.1")), Verdict::kClientLimit);
  limits.leave(client("10.0.0.1", 9));
  EXPECT_EQ(limits.open(), 0u);
  EXPECT_EQ(limits.admit(client("10.0.0.1")), Verdict::kAdmitted);
}

TEST(ConnectionLimits, LoweredLimitsHoldForNewConnectionsOnly) {
  ConnectionLimits limits;
  limits.set(10, 10);
  EXPECT_EQ(limits.admit(client("10.0.0.1")), Verdict::kAdmitted);
  EXPECT_EQ(limits.admit(client("10.0.0.1")), Verdict::kAdmitted);
  limits.set(1, 1);
  EXPECT_EQ(limits.admit(client("10.0.0.2")), Verdict::kProcessLimit);
  limits.leave(client("10.0.0.1"));
  limits.leave(client("10.0.0.1"));
  EXPECT_EQ(limits.admit(client("10.0.0.2")), Verdict::kAdmitted);
}

}  // namespace
}  // namespace outrigger
