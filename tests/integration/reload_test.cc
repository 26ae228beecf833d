// A new configuration is taken without a request noticing; a bad one changes nothing (DESIGN 1.5).
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "tests/integration/parties.h"

namespace outrigger::test {
namespace {

namespace fs = std::filesystem;

class Reload : public ::testing::Test {
 protected:
  Reload() {
    old_one.expect("GET /p").always().reply(200, "old");
    new_one.expect("GET /p").always().reply(200, "new");
  }
  ProxyConfig old_config() { return ProxyConfig().upstream("up", old_one); }
  ProxyConfig new_config() { return ProxyConfig().upstream("up", new_one); }

  Upstream old_one;
  Upstream new_one;
};

TEST_F(Reload, SighupTakesTheNewConfiguration) {
  TestProxy proxy(old_config());
  Client client(proxy.port());
  EXPECT_EQ(client.fetch(get("/up/p")).body, "old");
  proxy.reload(new_config());
  EXPECT_EQ(client.fetch(get("/up/p")).body, "new") << "on the connection that was open before";
  EXPECT_EQ(proxy.metric("outrigger_config_last_reload_successful"), 1);
}

TEST_F(Reload, ABadFileKeepsTheOldConfigurationAndSaysWhy) {
  TestProxy proxy(old_config());
  ProxyConfig bad = new_config();
  bad.server("no_such_key: 1");
  proxy.reload(bad, "invalid");
  EXPECT_EQ(proxy.fetch(get("/up/p")).body, "old");
  EXPECT_EQ(proxy.metric("outrigger_config_last_reload_successful"), 0);
  EXPECT_TRUE(eventually([&] { return proxy.log().find("no_such_key") != std::string::npos; }))
      << proxy.log();
  EXPECT_EQ(proxy.health("/readyz").status, 200);
  proxy.reload(new_config());
  EXPECT_EQ(proxy.fetch(get("/up/p")).body, "new");
}

TEST_F(Reload, AnUnchangedFileIsCountedAsSuch) {
  TestProxy proxy(old_config());
  proxy.reload(old_config(), "unchanged");
  EXPECT_EQ(proxy.fetch(get("/up/p")).body, "old");
}

TEST_F(Reload, ARunningStreamGoesOnWithItsOldUpstream) {
  old_one.expect("GET /sse").manually();
  TestProxy proxy(old_config());
  Client client(proxy.port());
  const auto call = client.begin(get("/up/sse"));
  const Held served = old_one.accept();
  served->start(200, {{"content-type", "text/event-stream"}});
  served->send("data: before\n\n");
  EXPECT_EQ(call->read_until("\n\n"), "data: before\n\n");
  proxy.reload(new_config());
  served->send("data: after\n\n");
  EXPECT_EQ(call->read_until("\n\n"), "data: after\n\n");
  served->finish();
  EXPECT_TRUE(call->read_all().complete);
  EXPECT_EQ(client.fetch(get("/up/p")).body, "new");
}

TEST_F(Reload, AWatchedFileIsTakenByItself) {
  TestProxy proxy(old_config().watch());
  EXPECT_EQ(proxy.fetch(get("/up/p")).body, "old");
  const std::string fresh = proxy.folder().write("fresh.yaml", proxy.yaml(new_config().watch()));
  fs::rename(fresh, proxy.config_path());
  EXPECT_TRUE(eventually([&] { return proxy.fetch(get("/up/p")).body == "new"; }));
  new_one.drop_connections();
}

TEST_F(Reload, AWatchedFileWrittenInPlaceIsTakenByItself) {
  TestProxy proxy(old_config().watch());
  proxy.write_config(new_config().watch());
  EXPECT_TRUE(eventually([&] { return proxy.fetch(get("/up/p")).body == "new"; }));
  new_one.drop_connections();
}

// Kubernetes swaps the symbolic link `..data` of a mounted ConfigMap; the file itself never
// changes.
TEST_F(Reload, TheSymlinkSwapOfAConfigMapIsTakenByItself) {
  TestProxy proxy(old_config().watch(),
                  {.config_name = "mount/outrigger.yaml", .config_map = true});
  EXPECT_EQ(proxy.fetch(get("/up/p")).body, "old");
  const std::string mount = proxy.folder().path("mount");
  fs::create_directory(mount + "/..second");
  write_file(mount + "/..second/outrigger.yaml", proxy.yaml(new_config().watch()));
  fs::create_symlink("..second", mount + "/..data_tmp");
  fs::rename(mount + "/..data_tmp", mount + "/..data");
  fs::remove_all(mount + "/..first");
  EXPECT_TRUE(eventually([&] { return proxy.fetch(get("/up/p")).body == "new"; }));
  new_one.drop_connections();
}

TEST_F(Reload, TwoHundredReloadsUnderLoadDropNoRequest) {
  TestProxy proxy(old_config());
  std::atomic<bool> stop = false;
  std::atomic<int> answered = 0;
  std::atomic<int> failed = 0;
  const auto load = [&](Http http) {
    try {
      Client client(proxy.port(), {.http = http});
      while (!stop) {
        const Response answer = client.fetch(get("/up/p"));
        const bool good = answer.complete && (answer.body == "old" || answer.body == "new");
        if (!good)
          fmt::print(stderr, "lost: {} {} {}\n", answer.status, answer.failure, answer.body);
        ++(good ? answered : failed);
      }
    } catch (const Failure& failure) {
      fmt::print(stderr, "lost: {}\n", failure.what());
      ++failed;
    }
  };
  std::vector<std::thread> clients;
  for (const Http http : {Http::k1, Http::k1, Http::k2}) clients.emplace_back(load, http);
  for (int i = 0; i < 100; ++i) {
    proxy.reload(new_config());
    proxy.reload(old_config());
  }
  stop = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(failed, 0);
  EXPECT_GT(answered, 200);
  EXPECT_EQ(proxy.metric_sum("outrigger_config_reloads_total", "result=\"ok\""), 200);
  new_one.drop_connections();
}

}  // namespace
}  // namespace outrigger::test
