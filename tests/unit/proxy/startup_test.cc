#include "proxy/startup.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace outrigger {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder()
      : path_(fs::temp_directory_path() / ("outrigger-startup-" + std::to_string(::getpid()))) {
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

TEST(Startup, TakesAnAddressFromAFlagAboveTheFile) {
  config::ListenAddress address{"127.0.0.1:4170", "127.0.0.1", 4170};
  EXPECT_TRUE(override_address(address, std::nullopt));
  EXPECT_EQ(address.port, 4170);
  EXPECT_TRUE(override_address(address, "[::1]:8080"));
  EXPECT_EQ(address.host, "::1");
  EXPECT_EQ(address.port, 8080);
}

TEST(Startup, RefusesAFlagThatIsNoAddressAndNamesIt) {
  config::ListenAddress address;
  for (const std::string text : {"4170", "127.0.0.1", "127.0.0.1:http", ""}) {
    const Status status = override_address(address, text);
    ASSERT_FALSE(status) << text;
    EXPECT_NE(status.error().detail.find("\"" + text + "\""), std::string::npos);
  }
}

TEST(Startup, ListensOnAddressesOnly) {
  EXPECT_EQ(to_address({"localhost:1", "localhost", 1})->to_string(), "127.0.0.1:1");
  EXPECT_EQ(to_address({"[::]:1", "::", 1})->to_string(), "[::]:1");
  EXPECT_EQ(to_address({"unix:/run/o", "/run/o", 0})->to_string(), "unix:/run/o");
  EXPECT_FALSE(to_address({"example.com:1", "example.com", 1}));
}

TEST(Startup, TheDataFolderMayBeMadeLater) {
  const Folder folder;
  EXPECT_TRUE(check_store(folder / "not/yet/there"));
  EXPECT_FALSE(fs::exists(folder / "not"));
}

TEST(Startup, ADataFolderThatIsAFileIsNamed) {
  const Folder folder;
  std::ofstream(folder / "file") << "x";
  for (const std::string& path : {folder / "file", folder / "file/below"}) {
    const Status status = check_store(path);
    ASSERT_FALSE(status) << path;
    EXPECT_NE(status.error().detail.find(path), std::string::npos) << status.error().detail;
  }
}

TEST(Startup, OnlyWhatAReloadCannotApplyNeedsARestart) {
  const config::Config running;
  config::Config wanted = running;
  wanted.server.limits.fields = 7;
  wanted.server.drain.announce = 9s;
  EXPECT_FALSE(needs_restart(running, wanted));
  wanted = running;
  wanted.server.workers = 3;
  EXPECT_TRUE(needs_restart(running, wanted));
  wanted = running;
  wanted.server.health.text = "127.0.0.1:1";
  EXPECT_TRUE(needs_restart(running, wanted));
  wanted = running;
  wanted.server.tls.emplace();
  EXPECT_TRUE(needs_restart(running, wanted));
  wanted = running;
  wanted.store.encryption_key = Secret("operator");
  EXPECT_TRUE(needs_restart(running, wanted)) << "nobody may think that it is encrypted";
}

}  // namespace
}  // namespace outrigger
