#include "proxy/base/secret.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <new>
#include <string>
#include <utility>

namespace outrigger {
namespace {

// Raw storage, so that the bytes which an object leaves behind can be looked at.
class Place {
 public:
  template <class... Args>
  Secret& make(Args&&... args) {
    return *new (bytes_) Secret(std::forward<Args>(args)...);
  }
  [[nodiscard]] bool holds(std::string_view text) const {
    return memmem(bytes_, sizeof bytes_, text.data(), text.size()) != nullptr;
  }

 private:
  alignas(Secret) std::byte bytes_[sizeof(Secret)];
};

// Short enough to be stored inside the std::string itself. The first byte may be lost to the
// terminator of an emptied string, so the tail is looked for.
constexpr const char* kShort = "sk-short-key";
constexpr const char* kTail = "short-key";

TEST(Secret, LeavesNothingBehindWhenDestroyed) {
  Place place;
  Secret& secret = place.make(std::string(kShort));
  ASSERT_TRUE(place.holds(kTail));
  secret.~Secret();
  EXPECT_FALSE(place.holds(kTail));
}

TEST(Secret, LeavesNothingBehindWhenMovedFrom) {
  Place place;
  Secret& from = place.make(std::string(kShort));
  const Secret to = std::move(from);
  EXPECT_EQ(to.reveal(), kShort);
  EXPECT_FALSE(place.holds(kTail));
  from.~Secret();
}

TEST(Secret, LeavesNothingBehindWhenMoveAssignedFrom) {
  Place place;
  Secret& from = place.make(std::string(kShort));
  Secret to(std::string("old"));
  to = std::move(from);
  EXPECT_EQ(to.reveal(), kShort);
  EXPECT_FALSE(place.holds(kTail));
  from.~Secret();
}

TEST(Secret, LeavesNothingOfALongerValueThatItHeldBefore) {
  Place place;
  Secret& secret = place.make(std::string(kShort));
  const Secret other(std::string("x"));
  secret = other;
  EXPECT_EQ(secret.reveal(), "x");
  EXPECT_FALSE(place.holds(kTail));
  secret.~Secret();
}

TEST(Secret, SurvivesAssigningItselfToItself) {
  Secret secret{std::string("value")};
  const Secret& alias = secret;
  secret = alias;
  EXPECT_EQ(secret.reveal(), "value");
}

TEST(Secret, ComparesByValue) {
  const Secret secret{std::string("abc")};
  EXPECT_TRUE(secret.equals("abc"));
  for (const char* other : {"", "a", "ab", "abd", "abcd", "abcabc", "ABC"}) {
    EXPECT_FALSE(secret.equals(other)) << other;
  }
  EXPECT_TRUE(Secret().equals(""));
  EXPECT_FALSE(Secret().equals("x"));
  EXPECT_TRUE(Secret().empty());
}

}  // namespace
}  // namespace outrigger
