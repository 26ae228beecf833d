#include "proxy/keeper.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace outrigger {
namespace {

class KeeperTest : public testing::Test {
 protected:
  KeeperTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "keeper-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    settings_.path = folder_ + "/data";
    sink_ = std::move(*LogSink::open(folder_ + "/log"));
    log_ = std::make_unique<Logger>(*sink_, LogLevel::kInfo, LogStyle::kJson);
  }
  ~KeeperTest() override {
    log_.reset();
    sink_.reset();
    std::filesystem::remove_all(folder_);
  }
  [[nodiscard]] std::string logged() const {
    log_->flush();
    std::ostringstream text;
    text << std::ifstream(folder_ + "/log").rdbuf();
    return text.str();
  }

  const filters::SavedCooldown one_{{"openai", "m", 7}, Verdict::kThrottled, 1'769'903'999'000};
  std::string folder_;
  config::Store settings_;
  std::unique_ptr<LogSink> sink_;
  std::unique_ptr<Logger> log_;
};

TEST_F(KeeperTest, MakesNoFolderWhileThereIsNothingToKeep) {
  Keeper keeper(settings_, *log_);
  ASSERT_TRUE(keeper.open());
  keeper.keep({});
  EXPECT_FALSE(std::filesystem::exists(settings_.path));
}

TEST_F(KeeperTest, TheNextProcessHasTheCooldownsAndTheKeyOfTheirHashes) {
  filters::SipKey key;
  {
    Keeper keeper(settings_, *log_);
    ASSERT_TRUE(keeper.open());
    key = keeper.credential_key();
    keeper.keep({one_});
  }
  Keeper next(settings_, *log_);
  ASSERT_TRUE(next.open());
  EXPECT_EQ(next.credential_key(), key);
  EXPECT_EQ(next.cooldowns(), std::vector{one_});
  EXPECT_EQ(logged(), "");
}

TEST_F(KeeperTest, AStoreThatAnotherProcessHasIsLeftAloneAndSaidSo) {
  Keeper keeper(settings_, *log_);
  ASSERT_TRUE(keeper.open());
  keeper.keep({one_});
  Keeper other(settings_, *log_);
  ASSERT_TRUE(other.open()) << "it serves all the same";
  EXPECT_NE(logged().find("another process uses the data folder"), std::string::npos) << logged();
  other.keep({});
  EXPECT_EQ(keeper.cooldowns().size(), 1u);
}

TEST_F(KeeperTest, ABackupThatIsUsedIsSaidToBeOneAndIsNoneAfterwards) {
  {
    Keeper keeper(settings_, *log_);
    keeper.keep({one_});
  }
  {
    auto store = store::Store::open(
        {.folder = settings_.path, .encryption_key = {}, .previous_key = {}, .env = nullptr});
    ASSERT_TRUE(store);
    ASSERT_TRUE((*store)->back_up_to(folder_ + "/copy"));
  }
  settings_.path = folder_ + "/copy";
  for (int start = 0; start < 2; ++start) {
    Keeper keeper(settings_, *log_);
    ASSERT_TRUE(keeper.open());
    EXPECT_EQ(keeper.cooldowns(), std::vector{one_});
  }
  const std::string said = logged();
  const std::size_t first = said.find("the store is a backup");
  ASSERT_NE(first, std::string::npos) << said;
  EXPECT_EQ(said.find("the store is a backup", first + 1), std::string::npos) << said;
}

TEST_F(KeeperTest, AStoreOfAnotherKeyIsAnErrorForAPerson) {
  settings_.encryption_key = Secret("right");
  {
    Keeper keeper(settings_, *log_);
    keeper.keep({one_});
  }
  settings_.encryption_key = Secret("wrong");
  Keeper next(settings_, *log_);
  const Status opened = next.open();
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().detail.find("store.encryption_key"), std::string::npos);
}

TEST_F(KeeperTest, AFolderThatCannotBeMadeIsLoggedOnceAndTriedAgain) {
  std::ofstream(folder_ + "/data") << "a file";
  Keeper keeper(settings_, *log_);
  ASSERT_TRUE(keeper.open());
  keeper.keep({one_});
  keeper.keep({one_});
  const std::string first = logged();
  EXPECT_NE(first.find("will not outlive a restart"), std::string::npos);
  EXPECT_EQ(first.find("will not", first.find("will not") + 1), std::string::npos) << first;
  std::filesystem::remove(folder_ + "/data");
  keeper.keep({one_});
  EXPECT_TRUE(store::Store::exists(settings_.path));
}

}  // namespace
}  // namespace outrigger
