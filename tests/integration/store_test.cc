// What a proxy keeps over its end, whatever end that is, and the commands that look at it.
#include <filesystem>

#include "tests/integration/lasting_proxy.h"

namespace outrigger::test {
namespace {

class Kept : public ::testing::Test, protected LastingProxy {
 protected:
  ~Kept() override { stop(SIGKILL); }

  void configure(const std::string& store = "path: data") {
    folder_.write("outrigger.yaml",
                  fmt::format("version: 1\n"
                              "server: {{{}, workers: 1}}\n"
                              "store: {{{}}}\n"
                              "upstreams: {{up: {{use: http, url: {}, circuit_breaker: none, "
                              "retry: {{max_attempts: 1}}}}}}\n",
                              addresses(), store, upstream.url()));
  }
  Response ask() { return Client(port_.number()).fetch(get("/up/p")); }
  // The output of `outrigger store <command>` and its exit code.
  std::pair<std::string, int> store_command(const std::string& command) {
    const TemporaryFolder own;
    Process run({"/bin/sh", "-c",
                 fmt::format("cd {} && {} store {} outrigger.yaml 2>&1", folder_.path(""),
                             OUTRIGGER_BINARY, command)},
                {.folder = own.path("")});
    const int code = run.wait_exit().value_or(-1);
    return {run.standard_output(), code};
  }
  // Keys of records stand in the files as they are.
  [[nodiscard]] bool kept() const {
    const std::string state = folder_.path("data/state");
    if (!std::filesystem::exists(state)) return false;
    for (const auto& file : std::filesystem::directory_iterator(state)) {
      if (read_file(file.path()).contains("cooldown/")) return true;
    }
    return false;
  }

  Upstream upstream;
};

TEST_F(Kept, APauseOutlivesAKill) {
  upstream.expect("GET /p").reply(429, "slowly", {{"retry-after", "3600"}});
  configure();
  start();
  EXPECT_EQ(ask().status, 429);
  ASSERT_TRUE(eventually([&] { return kept(); }));
  stop(SIGKILL);
  EXPECT_TRUE(store_command("check").first.starts_with("3 records"));
  start();
  const Response refused = ask();
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(value_of(refused.headers, "outrigger-source"), "proxy");
  EXPECT_EQ(upstream.requests().size(), 1u) << "the upstream is left alone as it asked";
}

TEST_F(Kept, TheStoreIsLookedAtWhenNoProxyUsesIt) {
  upstream.expect("GET /p").reply(429, "slowly", {{"retry-after", "3600"}});
  configure();
  EXPECT_EQ(store_command("check").second, 1) << "there is none yet";
  start();
  EXPECT_EQ(ask().status, 429);
  ASSERT_TRUE(eventually([&] { return kept(); }));
  const auto [busy, code] = store_command("check");
  EXPECT_EQ(code, 1);
  EXPECT_NE(busy.find("stop it first"), std::string::npos) << busy;
  stop(SIGTERM);
  const auto [found, fine] = store_command("check");
  EXPECT_EQ(fine, 0);
  EXPECT_TRUE(found.starts_with("3 records")) << found;
  EXPECT_EQ(store_command("compact").second, 0);
  EXPECT_EQ(store_command("backup copy").second, 0);
  EXPECT_TRUE(std::filesystem::exists(folder_.path("copy/state/CURRENT")));
  EXPECT_EQ(store_command("backup copy").second, 1) << "nothing is written over";
}

TEST_F(Kept, AStoreOfAnotherKeyStopsTheStartAndNamesTheMend) {
  upstream.expect("GET /p").reply(429, "slowly", {{"retry-after", "3600"}});
  configure("path: data, encryption_key: right");
  start();
  EXPECT_EQ(ask().status, 429);
  ASSERT_TRUE(eventually([&] { return kept(); }));
  stop(SIGTERM);
  configure("path: data, encryption_key: wrong");
  Process refused({OUTRIGGER_BINARY, "run", "outrigger.yaml"}, {.folder = folder_.path("")});
  EXPECT_EQ(refused.wait_exit(), 1);
  EXPECT_NE(refused.standard_error().find("store.encryption_key"), std::string::npos)
      << refused.standard_error();
  configure("path: data, encryption_key: new, previous_encryption_key: right");
  start();
  EXPECT_EQ(ask().status, 429);
  EXPECT_EQ(upstream.requests().size(), 1u);
}

}  // namespace
}  // namespace outrigger::test
