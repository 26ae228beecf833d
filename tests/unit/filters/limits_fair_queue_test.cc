// The order of a queue of callers: who is next, over small and large requests, deadlines and
// departures.
#include "filters/limits/fair_queue.h"

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/base/random.h"

namespace outrigger::filters {
namespace {

class FairQueueTest : public ::testing::Test {
 protected:
  Place& come(std::uint64_t caller, double cost = 1, TimePoint deadline = kNoDeadline) {
    places_.push_back(std::make_unique<Place>());
    Place& place = *places_.back();
    place.caller = caller;
    place.cost = cost;
    place.load = {.requests = 1, .prompt_tokens = cost * 100};
    place.deadline = deadline;
    queue_.push(place);
    return place;
  }
  // The callers in the order of their turns, until nobody waits.
  std::string serve_all() {
    std::string order;
    while (Place* next = queue_.first()) {
      order += static_cast<char>('a' + next->caller);
      queue_.serve(*next);
    }
    return order;
  }

  FairQueue queue_;
  std::vector<std::unique_ptr<Place>> places_;
};

TEST_F(FairQueueTest, CallersTakeTurnsHoweverManyEachSends) {
  for (int i = 0; i < 4; ++i) come(0);
  come(1);
  come(2);
  come(1);
  EXPECT_EQ(serve_all(), "abcabaa");
}

TEST_F(FairQueueTest, OneCallerIsServedInOrderOfArrival) {
  const Place& first = come(0);
  const Place& second = come(0);
  EXPECT_EQ(queue_.first(), &first);
  queue_.serve(*queue_.first());
  EXPECT_EQ(queue_.first(), &second);
}

TEST_F(FairQueueTest, OfOneCallerTheEarliestDeadlineGoesFirst) {
  const Place& none = come(0);
  const Place& late = come(0, 1, {20s});
  const Place& soon = come(0, 1, {5s});
  for (const Place* expected : {&soon, &late, &none}) {
    EXPECT_EQ(queue_.first(), expected);
    queue_.serve(*queue_.first());
  }
}

TEST_F(FairQueueTest, ADeadlineIsNoWayPastOtherCallers) {
  come(0);
  come(1);
  come(0, 1, {1s});
  EXPECT_EQ(serve_all(), "aba");
}

TEST_F(FairQueueTest, SmallRequestsGoBeforeAHugeOneUntilTheyHaveTakenAsMuch) {
  come(0, 5);
  for (int i = 0; i < 8; ++i) come(1);
  EXPECT_EQ(serve_all(), "bbbbabbbb");
}

TEST_F(FairQueueTest, ManyHugeOnesOfOneCallerDoNotHoldUpTheSmallOnesOfAnother) {
  for (int i = 0; i < 3; ++i) come(0, 10);
  for (int i = 0; i < 3; ++i) come(1);
  EXPECT_EQ(serve_all(), "bbbaaa");
}

TEST_F(FairQueueTest, WhoComesLaterIsNotPaidForTheTimeBefore) {
  for (int i = 0; i < 10; ++i) come(0);
  for (int i = 0; i < 6; ++i) queue_.serve(*queue_.first());
  for (int i = 0; i < 4; ++i) come(1);
  EXPECT_EQ(serve_all(), "abababab");
}

TEST_F(FairQueueTest, WhoLeavesIsNotChargedAndLeavesNoGap) {
  Place& gone = come(0);
  come(1);
  come(0);
  queue_.remove(gone);
  EXPECT_EQ(queue_.size(), 2u);
  EXPECT_EQ(serve_all(), "ab");
  EXPECT_EQ(queue_.callers(), 0u);
}

TEST_F(FairQueueTest, WhoWasServedBeforeItsTurnWaitsForItAfterwards) {
  come(0, 10);
  Place& early = come(1, 1);
  come(1, 8.5);
  queue_.serve(early);
  EXPECT_EQ(serve_all(), "ba");  // 1 + 8.5 < 10
  come(0, 10);
  Place& other = come(1, 1);
  come(1, 9.5);
  queue_.serve(other);
  EXPECT_EQ(serve_all(), "ab");
}

TEST_F(FairQueueTest, NamesTheNextCallersWithoutTheFirst) {
  come(0);
  const Place& second = come(1);
  const Place& third = come(2);
  come(1);
  std::array<Place*, 8> room{};
  ASSERT_EQ(queue_.next_in_turn(room), 2u);
  EXPECT_EQ(room[0], &second);
  EXPECT_EQ(room[1], &third);
}

struct Ahead {
  const char* what;
  std::vector<std::pair<std::uint64_t, double>> waiting;
  std::uint64_t caller;
  double cost;
  double requests;
};

TEST_F(FairQueueTest, KnowsWhatComesBefore) {
  const Ahead table[] = {
      {"nobody", {}, 0, 1, 0},
      {"its own", {{0, 1}, {0, 1}}, 0, 1, 2},
      {"one turn of each other caller", {{1, 1}, {1, 1}, {1, 1}, {2, 1}}, 0, 1, 2},
      {"two turns before its second", {{0, 1}, {1, 1}, {1, 1}, {1, 1}}, 0, 1, 3},
      {"as much as it takes itself", {{1, 1}, {1, 1}, {1, 1}, {1, 1}}, 0, 3, 3},
      {"no more than there is", {{1, 1}, {1, 1}}, 0, 50, 2},
      {"a part of what is huge", {{1, 10}}, 0, 1, 0.1},
  };
  for (const Ahead& row : table) {
    FairQueue queue;
    std::vector<std::unique_ptr<Place>> places;
    for (const auto& [caller, cost] : row.waiting) {
      places.push_back(std::make_unique<Place>());
      places.back()->caller = caller;
      places.back()->cost = cost;
      places.back()->load = {.requests = 1};
      queue.push(*places.back());
    }
    Place own;
    own.caller = row.caller;
    own.cost = row.cost;
    EXPECT_NEAR(queue.ahead_of(own).requests, row.requests, 1e-9) << row.what;
  }
}

// While all wait, what two callers have been given differs by no more than their largest requests.
TEST_F(FairQueueTest, GivesEqualSharesWhateverTheSizes) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Random random(seed);
    FairQueue queue;
    std::vector<std::unique_ptr<Place>> places;
    const std::uint64_t callers = 2 + random.below(5);
    const auto come = [&](std::uint64_t caller) {
      places.push_back(std::make_unique<Place>());
      places.back()->caller = caller;
      places.back()->cost = random.below(8) == 0 ? 20 : 1 + random.unit() * 3;
      queue.push(*places.back());
    };
    for (std::uint64_t caller = 0; caller < callers; ++caller) {
      for (std::uint64_t i = 0; i < 2 + caller * 3; ++i) come(caller);
    }
    std::map<std::uint64_t, double> given;
    for (int i = 0; i < 400; ++i) {
      Place& next = *queue.first();
      given[next.caller] += next.cost;
      queue.serve(next);
      come(next.caller);
      for (std::uint64_t a = 0; a < callers; ++a) {
        for (std::uint64_t b = 0; b < a; ++b) {
          ASSERT_LE(std::abs(given[a] - given[b]), 40) << "seed " << seed;
        }
      }
    }
  }
}

}  // namespace
}  // namespace outrigger::filters
