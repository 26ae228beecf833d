#include "proxy/net/dns_cache.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace outrigger {
namespace {

using Kind = DnsCache::Kind;

TimePoint at(Duration d) {
  return TimePoint{1h + d};
}
std::vector<SocketAddress> addresses(std::initializer_list<std::string_view> ips) {
  std::vector<SocketAddress> result;
  for (const std::string_view ip : ips) result.push_back(*SocketAddress::parse(ip, 0));
  return result;
}

DnsCache::Settings settings() {
  return {.min_ttl = 1s,
          .max_ttl = 1h,
          .absent_ttl = 5s,
          .failure_ttl = 1s,
          .max_stale = 1h,
          .names = 3};
}

TEST(DnsCache, HonoursTheTtlWithinItsBounds) {
  struct Case {
    Duration ttl, asked;
    Kind expected;
  };
  constexpr Case kCases[] = {
      {60s, 59s, Kind::kFresh},   {60s, 60s, Kind::kStale},    {0s, 999ms, Kind::kFresh},
      {0s, 1s, Kind::kStale},     {2h, 1h - 1s, Kind::kFresh}, {2h, 1h, Kind::kStale},
      {60s, 3659s, Kind::kStale}, {60s, 3660s, Kind::kMiss},
  };
  for (const Case& row : kCases) {
    DnsCache cache(settings());
    cache.keep("a", addresses({"10.0.0.1"}), row.ttl, at(0s));
    const DnsCache::Answer answer = cache.find("a", at(row.asked));
    EXPECT_EQ(answer.kind, row.expected) << row.ttl.count() << " " << row.asked.count();
    EXPECT_EQ(answer.addresses.empty(), row.expected == Kind::kMiss);
  }
}

TEST(DnsCache, RemembersAbsenceForAShortTime) {
  DnsCache cache(settings());
  cache.keep_absent("a", "no such name", at(0s));
  EXPECT_EQ(cache.find("a", at(4s)).kind, Kind::kAbsent);
  EXPECT_EQ(cache.find("a", at(4s)).detail, "no such name");
  EXPECT_EQ(cache.find("a", at(5s)).kind, Kind::kMiss);
}

TEST(DnsCache, AbsenceIsAnAnswerAndEndsStaleOnes) {  // RFC 8767 section 4
  DnsCache cache(settings());
  cache.keep("a", addresses({"10.0.0.1"}), 60s, at(0s));
  cache.keep_absent("a", "no such name", at(61s));
  EXPECT_EQ(cache.find("a", at(62s)).kind, Kind::kAbsent);
  EXPECT_EQ(cache.find("a", at(70s)).kind, Kind::kMiss);
}

TEST(DnsCache, AFailureLeavesStaleAddressesAndHoldsBackTheNextQuery) {  // RFC 8767 section 5
  DnsCache cache(settings());
  cache.keep("a", addresses({"10.0.0.1"}), 60s, at(0s));
  cache.keep_failure("a", DnsCache::Failure::kTimeout, "timeout", at(100s));
  EXPECT_EQ(cache.find("a", at(100s)).kind, Kind::kStaleHold);
  EXPECT_EQ(cache.find("a", at(100s)).addresses, addresses({"10.0.0.1"}));
  EXPECT_EQ(cache.find("a", at(101s)).kind, Kind::kStale);
}

TEST(DnsCache, AFailureWithNothingStaleIsToldByItsKind) {
  DnsCache cache(settings());
  cache.keep_failure("a", DnsCache::Failure::kTimeout, "timeout", at(0s));
  cache.keep_failure("b", DnsCache::Failure::kError, "refused", at(0s));
  EXPECT_EQ(cache.find("a", at(0s)).kind, Kind::kTimedOut);
  EXPECT_EQ(cache.find("b", at(0s)).kind, Kind::kFailed);
  EXPECT_EQ(cache.find("b", at(0s)).detail, "refused");
  EXPECT_EQ(cache.find("a", at(1s)).kind, Kind::kMiss);
}

TEST(DnsCache, SuccessEndsAFailure) {
  DnsCache cache(settings());
  cache.keep_failure("a", DnsCache::Failure::kError, "refused", at(0s));
  cache.keep("a", addresses({"10.0.0.1"}), 60s, at(0s));
  EXPECT_EQ(cache.find("a", at(0s)).kind, Kind::kFresh);
}

TEST(DnsCache, DropsTheNameThatWasNotUsedForLongest) {
  DnsCache cache(settings());
  for (const std::string_view host : {"a", "b", "c"}) {
    cache.keep(host, addresses({"10.0.0.1"}), 60s, at(0s));
  }
  EXPECT_EQ(cache.find("a", at(1s)).kind, Kind::kFresh);
  cache.keep("d", addresses({"10.0.0.1"}), 60s, at(1s));
  EXPECT_EQ(cache.size(), 3u);
  EXPECT_EQ(cache.find("b", at(1s)).kind, Kind::kMiss);
  EXPECT_EQ(cache.find("a", at(1s)).kind, Kind::kFresh);
}

TEST(Interleave, BeginsWithIpv6AndAlternates) {  // RFC 8305 section 4
  EXPECT_EQ(interleave(addresses({"::1", "::2"}), addresses({"1.0.0.1", "1.0.0.2", "1.0.0.3"})),
            addresses({"::1", "1.0.0.1", "::2", "1.0.0.2", "1.0.0.3"}));
  EXPECT_EQ(interleave({}, addresses({"1.0.0.1"})), addresses({"1.0.0.1"}));
  EXPECT_EQ(interleave(addresses({"::1", "::2"}), {}), addresses({"::1", "::2"}));
}

}  // namespace
}  // namespace outrigger
