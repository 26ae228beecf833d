#include "filters/retry/cooldowns.h"

#include <filesystem>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "filters/retry/cooldown_records.h"
#include "proxy/base/random.h"

namespace outrigger::filters {
namespace {

constexpr TimePoint at(Duration since) {
  return TimePoint{1000s + since};
}
const CooldownKey kModel{"openai", "gpt-5", 7};
const CooldownKey kCredential{"openai", "", 7};

Duration left(SharedCooldowns& cooldowns, std::string_view model, TimePoint now) {
  const auto running = cooldowns.peek("openai", model, 7, now);
  return running ? running->left : Duration{0};
}

// resilience 3, item 6.
TEST(Cooldowns, AreExtendedAndNeverShortened) {
  SharedCooldowns cooldowns;
  cooldowns.extend(kModel, Verdict::kThrottled, 20s, at(0s));
  cooldowns.extend(kModel, Verdict::kThrottled, 5s, at(1s));
  EXPECT_EQ(left(cooldowns, "gpt-5", at(1s)), 19s);
  cooldowns.extend(kModel, Verdict::kThrottled, 30s, at(1s));
  EXPECT_EQ(left(cooldowns, "gpt-5", at(1s)), 30s);
  EXPECT_EQ(left(cooldowns, "gpt-5", at(31s)), 0s);
  cooldowns.extend(kModel, Verdict::kThrottled, 2s, at(40s));
  EXPECT_EQ(left(cooldowns, "gpt-5", at(40s)), 2s) << "a new one after the old one";
}

TEST(Cooldowns, ThoseOfAModelLeaveItsSiblingsAloneThoseOfACredentialDoNot) {
  SharedCooldowns cooldowns;
  cooldowns.extend(kModel, Verdict::kThrottled, 20s, at(0s));
  EXPECT_EQ(left(cooldowns, "gpt-5-mini", at(0s)), 0s);
  EXPECT_FALSE(cooldowns.meet("openai", "gpt-5", 8, at(0s)));
  EXPECT_FALSE(cooldowns.meet("azure", "gpt-5", 7, at(0s)));
  cooldowns.extend(kCredential, Verdict::kQuotaExhausted, 60s, at(0s));
  EXPECT_EQ(left(cooldowns, "gpt-5-mini", at(0s)), 60s);
  EXPECT_EQ(left(cooldowns, "gpt-5", at(0s)), 60s) << "the longest counts";
  EXPECT_EQ(cooldowns.meet("openai", "gpt-5", 7, at(0s))->verdict, Verdict::kQuotaExhausted);
  cooldowns.extend(kModel, Verdict::kThrottled, 60s, at(0s));
  EXPECT_EQ(cooldowns.meet("openai", "gpt-5", 7, at(0s))->verdict, Verdict::kQuotaExhausted)
      << "of two that are as long, the wider one";
  cooldowns.extend(kModel, Verdict::kThrottled, 90s, at(0s));
  EXPECT_EQ(left(cooldowns, "gpt-5", at(0s)), 90s) << "the longest, whichever it is";
}

TEST(Cooldowns, AreKeyedByWhatTheVerdictSaysSomethingOf) {
  using config::Scope;
  struct Row {
    Scope scope;
    Verdict verdict;
    std::optional<CooldownKey> key;
  };
  const Row kRows[] = {
      {Scope::kDefault, Verdict::kThrottled, kModel},
      {Scope::kModel, Verdict::kThrottled, kModel},
      {Scope::kCredential, Verdict::kThrottled, kCredential},
      {Scope::kDefault, Verdict::kQuotaExhausted, kCredential},
      {Scope::kModel, Verdict::kQuotaExhausted, kModel},
      {Scope::kEndpoint, Verdict::kOverloaded, std::nullopt},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(cooldown_key("openai", "gpt-5", 7, row.scope, row.verdict), row.key);
  }
  EXPECT_TRUE(begins_cooldown(Verdict::kThrottled));
  EXPECT_FALSE(begins_cooldown(Verdict::kTransient));
}

TEST(Cooldowns, ALongOneLetsARequestPassFromTimeToTimeAndItsSuccessEndsIt) {
  SharedCooldowns cooldowns;
  cooldowns.extend(kCredential, Verdict::kQuotaExhausted, 24h, at(0s));
  EXPECT_FALSE(cooldowns.meet("openai", "", 7, at(4min))->passes);
  EXPECT_FALSE(cooldowns.peek("openai", "", 7, at(5min))->passes);
  EXPECT_TRUE(cooldowns.meet("openai", "", 7, at(5min))->passes);
  EXPECT_FALSE(cooldowns.meet("openai", "", 7, at(6min))->passes) << "one only";
  EXPECT_TRUE(cooldowns.meet("openai", "", 7, at(10min))->passes);
  cooldowns.lift("openai", "gpt-5", 7);
  EXPECT_FALSE(cooldowns.meet("openai", "", 7, at(11min)));
}

TEST(Cooldowns, ForgetWhatHasRunOutAndNeverWhatRuns) {
  SharedCooldowns cooldowns(3);
  const auto key = [](std::uint64_t n) { return CooldownKey{"openai", "", n}; };
  cooldowns.extend(key(1), Verdict::kThrottled, 1s, at(0s));
  cooldowns.extend(key(2), Verdict::kThrottled, 1h, at(0s));
  cooldowns.extend(key(3), Verdict::kThrottled, 1h, at(0s));
  cooldowns.extend(key(4), Verdict::kThrottled, 1h, at(0s));
  EXPECT_FALSE(cooldowns.peek("openai", "", 4, at(0s))) << "full of those that run";
  cooldowns.extend(key(4), Verdict::kThrottled, 1h, at(2s));
  EXPECT_TRUE(cooldowns.peek("openai", "", 4, at(2s)));
  EXPECT_TRUE(cooldowns.peek("openai", "", 2, at(2s)));
  EXPECT_EQ(cooldowns.size(), 3u);
}

TEST(Cooldowns, ThoseThatHaveRunOutAreForgottenWhenTheyAreAskedFor) {
  SharedCooldowns cooldowns;
  cooldowns.extend(kModel, Verdict::kThrottled, 1s, at(0s));
  cooldowns.extend(kCredential, Verdict::kThrottled, 1h, at(0s));
  EXPECT_EQ(left(cooldowns, "gpt-5", at(1s)), 1h - 1s);
  EXPECT_EQ(cooldowns.size(), 1u);
}

TEST(Cooldowns, NoWaitTakesThemOutOfBounds) {
  SharedCooldowns cooldowns;
  cooldowns.extend(kModel, Verdict::kThrottled, Duration::max(), at(0s));
  EXPECT_EQ(left(cooldowns, "gpt-5", at(0s)), SharedCooldowns::kLongest);
  cooldowns.extend(kCredential, Verdict::kThrottled, -5s, at(0s));
  cooldowns.extend(kCredential, Verdict::kThrottled, 0s, at(0s));
  EXPECT_EQ(cooldowns.size(), 1u);
}

// resilience 5.4: the cooldown of a key never decreases before its end.
TEST(Cooldowns, NeverDecreaseWhateverComes) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    SharedCooldowns cooldowns(16);
    std::map<std::uint64_t, TimePoint> ends;
    TimePoint now = at(0s);
    for (int i = 0; i < 3000; ++i) {
      now = now + Duration(static_cast<std::int64_t>(random.below(3000)) * 1ms);
      const std::uint64_t key = random.below(24);
      const auto running = cooldowns.peek("openai", "", key, now);
      const TimePoint end = running ? now + running->left : now;
      if (ends.contains(key) && ends[key] > now) EXPECT_GE(end, ends[key]) << "seed " << seed;
      cooldowns.extend({"openai", "", key}, Verdict::kThrottled,
                       Duration(static_cast<std::int64_t>(random.below(60)) * 1s), now);
      if (const auto next = cooldowns.peek("openai", "", key, now)) ends[key] = now + next->left;
      EXPECT_LE(cooldowns.size(), 16u);
    }
  }
}

TEST(Cooldowns, AreWorthKeepingFromTheirLastSecondsOnAndOfAQuotaToTheLast) {
  SharedCooldowns cooldowns;
  cooldowns.extend(kModel, Verdict::kThrottled, 60s, at(0s));
  cooldowns.extend(kCredential, Verdict::kQuotaExhausted, 60s, at(0s));
  const auto kept = [&](Duration when) {
    std::vector<CooldownKey> keys;
    for (const SavedCooldown& one : cooldowns.snapshot(at(when), 0)) keys.push_back(one.key);
    return keys;
  };
  using Keys = std::vector<CooldownKey>;
  EXPECT_EQ(kept(60s - SharedCooldowns::kWorthKeeping - 1ns), (Keys{kCredential, kModel}));
  EXPECT_EQ(kept(60s - SharedCooldowns::kWorthKeeping), Keys{kCredential});
  EXPECT_EQ(kept(60s - 1ns), Keys{kCredential});
  EXPECT_EQ(kept(60s), Keys{});
}

TEST(Cooldowns, OutliveARestart) {
  SharedCooldowns before;
  before.extend(kCredential, Verdict::kQuotaExhausted, 3s, at(0s));
  before.extend(kModel, Verdict::kThrottled, 60s, at(0s));
  before.extend({"erp", "", 1}, Verdict::kThrottled, 4s, at(0s));
  const auto saved = before.snapshot(at(0s), 1'000'000);
  ASSERT_EQ(saved.size(), 2u) << "a few seconds are not worth keeping, but of a quota";
  EXPECT_EQ(saved[0].key, kCredential);
  EXPECT_EQ(saved[1].key, kModel);

  SharedCooldowns after;
  after.restore(saved, TimePoint{5s}, 1'000'000 + 20'000);
  EXPECT_EQ(left(after, "gpt-5", TimePoint{5s}), 40s);
  EXPECT_EQ(left(after, "", TimePoint{5s}), 0s) << "ran out meanwhile";
  after.restore({{kCredential, Verdict::kThrottled, INT64_MAX / 2}}, TimePoint{5s}, -1);
  EXPECT_EQ(left(after, "", TimePoint{5s}), SharedCooldowns::kLongest);
}

class CooldownRecords : public testing::Test {
 protected:
  CooldownRecords() {
    std::string pattern = (std::filesystem::temp_directory_path() / "cooldown-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    reopen();
  }
  ~CooldownRecords() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  void reopen() {
    store_.reset();
    auto opened = store::Store::open(
        {.folder = folder_, .encryption_key = {}, .previous_key = {}, .env = nullptr});
    ASSERT_TRUE(opened);
    store_ = std::move(*opened);
  }
  void keep(const std::vector<SavedCooldown>& before, const std::vector<SavedCooldown>& now) {
    ASSERT_TRUE(store_->write(cooldown_changes(before, now)));
  }

  const SavedCooldown model_{
      {"openai", "gpt/5 \"x\"", 0xfedcba9876543210}, Verdict::kThrottled, 1'769'903'999'000};
  const SavedCooldown whole_{{"erp", "", 1}, Verdict::kQuotaExhausted, 5};
  std::string folder_;
  std::unique_ptr<store::Store> store_;
};

TEST_F(CooldownRecords, AreWhatWasKept) {
  EXPECT_TRUE(load_cooldowns(*store_)->empty());
  keep({}, {model_, whole_});
  reopen();
  EXPECT_THAT(*load_cooldowns(*store_), testing::UnorderedElementsAre(model_, whole_));
}

TEST_F(CooldownRecords, ChangeWithTheCooldowns) {
  keep({}, {model_, whole_});
  SavedCooldown longer = model_;
  longer.until_ms += 1000;
  keep({model_, whole_}, {longer});
  EXPECT_THAT(*load_cooldowns(*store_), testing::UnorderedElementsAre(longer));
  EXPECT_TRUE(cooldown_changes({longer}, {longer}).empty());
}

TEST_F(CooldownRecords, AreReadStrictly) {
  const std::string key = cooldown_record_key(model_.key);
  const std::string value = cooldown_record_value(model_);
  EXPECT_EQ(parse_cooldown_record(key, value), model_);
  for (const char* other : {"", "cooldown/", "cooldown/fedcba9876543210", "cooldown/x/erp/",
                            "cooldown/fedcba987654321g/erp/", "cooldowns/fedcba9876543210/erp/"}) {
    EXPECT_FALSE(parse_cooldown_record(other, value)) << other;
  }
  for (const char* other : {"", "throttled", "throttled ", "throttled x", "throttled -1", "ok 5",
                            "nonsense 5", "throttled 5 ", "throttled 99999999999999999999"}) {
    EXPECT_FALSE(parse_cooldown_record(key, other)) << other;
  }
}

TEST_F(CooldownRecords, TheKeyOfCredentialsIsKeptWithThem) {
  EXPECT_EQ(*load_credential_key(*store_), std::nullopt);
  const SipKey key = random_sip_key();
  store::Batch batch;
  put_credential_key(batch, key);
  ASSERT_TRUE(store_->write(batch));
  reopen();
  EXPECT_EQ(*load_credential_key(*store_), key);
}

}  // namespace
}  // namespace outrigger::filters
