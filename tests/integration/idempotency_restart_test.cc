// What keys outlive: the end of the process in every phase of an execution, a change of the
// configuration, and a disk on which nothing can be written (durability 5.3: 1, 2, 15; 5.1: I10).
#include <sys/resource.h>

#include <filesystem>
#include <fstream>

#include "tests/integration/idempotency_scenario.h"
#include "tests/integration/lasting_proxy.h"

namespace outrigger::test {
namespace {

constexpr const char* kEvent = "data: 1\n\n";

// A proxy that is killed and started again in the same folder.
class Restart : public ::testing::TestWithParam<Protocols>, protected LastingProxy {
 protected:
  ~Restart() override { stop(SIGKILL); }

  void configure(const std::string& keys, const std::string& store = "path: data") {
    const std::string protocol = GetParam().upstream == Http::k2 ? "http2" : "http1";
    folder_.write(
        "outrigger.yaml",
        fmt::format("version: 1\n"
                    "server: {{{}, workers: 1, watch: false, log_format: json}}\n"
                    "store: {{{}}}\n"
                    "upstreams: {{up: {{use: http, url: {}, circuit_breaker: none, retry: none, "
                    "protocol: {}, {}}}}}\n",
                    addresses(), store, upstream.url(), protocol, keys));
  }
  void kill_and_start() {
    stop(SIGKILL);
    start();
  }
  Response ask(const Request& request) { return client().fetch(request); }
  [[nodiscard]] Client client() { return Client(port_.number(), {.http = GetParam().client}); }
  Response ask(const std::string& key) { return ask(keyed("/up/p", key)); }
  [[nodiscard]] std::size_t hits() const { return upstream.requests().size(); }
  // The output of `outrigger store check`.
  std::string check_store() {
    const TemporaryFolder own;
    Process run(
        {"/bin/sh", "-c",
         fmt::format("cd {} && {} store check outrigger.yaml 2>&1", folder_.path(""), binary())},
        {.folder = own.path("")});
    run.wait_exit();
    return run.standard_output();
  }
  [[nodiscard]] bool on_disk(const std::string& text) const {
    for (const auto& file : std::filesystem::recursive_directory_iterator(folder_.path("data"))) {
      if (file.is_regular_file() && read_file(file.path()).contains(text)) return true;
    }
    return false;
  }
  void reload(const std::string& keys) {
    configure(keys);
    const auto reloads = [&] { return metric("outrigger_config_reloads_total{result=\"ok\"}"); };
    const double before = reloads();
    process_->signal(SIGHUP);
    ASSERT_TRUE(eventually([&] { return reloads() > before; })) << process_->standard_error();
  }

  Upstream upstream{{.http = GetParam().upstream}};
};
INSTANTIATE_TEST_SUITE_P(, Restart, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(Restart, WhatAClientHasSeenTheEndOfIsReplayed) {
  configure("idempotency: {}");
  start();
  const std::vector<std::string> bodies = {"short", pattern(40'000), pattern(200'000)};
  for (int round = 0; round < 6; ++round) {
    SCOPED_TRACE(round);
    const std::string& body = bodies[round % bodies.size()];
    const std::string key = std::to_string(round);
    upstream.expect("POST /p").run([&](Exchange& exchange) {
      const std::string length = std::to_string(body.size());
      exchange.start(201, round < 3 ? Fields{{"content-length", length}} : Fields{});
      exchange.send(body);
      exchange.finish();
    });
    const Response first = ask(key);
    stop(SIGKILL);
    ASSERT_TRUE(first.complete) << first.failure;
    EXPECT_TRUE(first.body == body);
    start();
    expect_replay(ask(key), first);
  }
  for (int round = 0; round < 6; ++round) EXPECT_TRUE(is_marked(ask(std::to_string(round))));
  EXPECT_EQ(hits(), 6u);
}

TEST_P(Restart, WhatAClientHasSeenTheEndOfAsAStreamIsReplayed) {
  configure("idempotency: {}, dialect: openai");
  start();
  const std::string done = "data: [DONE]\n\n";
  const std::string hello =
      "data: "
      "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"},\"finish_reason\":null}]}\n\n";
  for (int round = 0; round < 5; ++round) {
    upstream.expect("POST /p").reply_sse({hello, hello, done});
    Client one = client();
    const auto call = one.begin(keyed("/up/p", std::to_string(round)));
    EXPECT_EQ(call->read_until(done), hello + hello + done);
    kill_and_start();
    const Response again = ask(std::to_string(round));
    EXPECT_TRUE(is_marked(again));
    EXPECT_EQ(again.body, hello + hello + done);
  }
  EXPECT_EQ(hits(), 5u);
}

struct Phase {
  const char* name;
  Script::Step act;  // up to where the process is killed
};
std::vector<Phase> phases() {
  return {{"before the head", [](Exchange&) {}},
          {"behind the head",
           [](Exchange& exchange) { exchange.start(200, {{"content-length", "200000"}}); }},
          {"in the middle", [](Exchange& exchange) {
             exchange.start(200, {{"content-length", "200000"}});
             exchange.send(pattern(150'000));
           }}};
}

TEST_P(Restart, WhatWasLostIsExecutedAgainWhereThatDoesNoHarm) {
  for (const std::string replay : {"safe", "keyed"}) {
    configure("idempotency: {}, replay: " + replay);
    start();
    for (const Phase& phase : phases()) {
      SCOPED_TRACE(replay + ": " + phase.name);
      const std::string key = replay + std::to_string(hits());
      upstream.expect("POST /p").run(phase.act).hang();
      upstream.expect("POST /p").reply(201, "made");
      {
        Client one = client();
        const auto call = one.begin(keyed("/up/p", key));
        const std::size_t before = hits();
        ASSERT_TRUE(eventually([&] { return hits() > before || hits() % 2 == 1; }));
        if (phase.name == std::string("in the middle")) call->read_exactly(100'000);
        kill_and_start();
      }
      const Response made = ask(key);
      EXPECT_EQ(made.body, "made");
      EXPECT_FALSE(is_marked(made));
      expect_replay(ask(key), made);
      const std::vector<Request> seen = upstream.requests();
      for (std::size_t i = seen.size() - 2; i < seen.size(); ++i) {
        EXPECT_EQ(value_of(seen[i].headers, "idempotency-key"), key);
      }
    }
    stop(SIGTERM);
    EXPECT_TRUE(check_store().contains("records")) << check_store();
  }
}

TEST_P(Restart, WhatMayHaveBeenExecutedIsToldOverRestarts) {
  configure("idempotency: {}");
  start();
  for (const Phase& phase : phases()) {
    SCOPED_TRACE(phase.name);
    upstream.expect("POST /p").run(phase.act).hang();
    const std::size_t before = hits();
    Client one = client();
    const auto call = one.begin(keyed("/up/p", phase.name));
    ASSERT_TRUE(eventually([&] { return hits() > before; }));
    for (int i = 0; i < 2; ++i) {
      kill_and_start();
      expect_problem(ask(phase.name), 409, "outcome_unknown");
      expect_problem(ask(keyed("/up/p", phase.name, "other")), 422, "idempotency_key_reused");
    }
  }
  EXPECT_EQ(hits(), 3u);
}

TEST_P(Restart, WhatMayHaveBeenExecutedIsLookedFor) {
  configure(
      "idempotency: {}, replay: verify, verify: {get: \"/look?key={idempotency-key}\", "
      "settle: 5ms, negatives: 2, found: {json: {/total: {at_least: 1}}}}");
  start();
  for (const bool found : {true, false}) {
    const std::string key = found ? "found" : "missing";
    upstream.expect("POST /p").hang();
    const std::string probe = "GET /look?key=" + key;
    if (found) upstream.expect(probe).reply(200, R"({"total":1})");
    if (!found) upstream.expect(probe).times(2).reply(200, R"({"total":0})");
    if (!found) upstream.expect("POST /p").reply(201, R"({"made":1})");
    const std::size_t before = hits();
    Client one = client();
    const auto call = one.begin(keyed("/up/p", key));
    ASSERT_TRUE(eventually([&] { return hits() > before; }));
    kill_and_start();
    const Response answer = ask(key);
    EXPECT_EQ(answer.body, found ? R"({"total":1})" : R"({"made":1})");
    kill_and_start();
    EXPECT_EQ(ask(key).body, answer.body);
  }
}

TEST_P(Restart, WhatProvablyDidNotHappenLeavesTheKeyFree) {
  configure("idempotency: {}");
  start();
  upstream.expect("POST /p").reply(429);
  EXPECT_EQ(ask("k").status, 429);
  stop(SIGTERM);
  start();
  upstream.expect("POST /p").reply(201, "made");
  EXPECT_EQ(ask(keyed("/up/p", "k", "{}", {{"authorization", "a"}})).status, 201) << "another's";
}

TEST_P(Restart, OrderlyKeepsEverything) {
  configure("idempotency: {}");
  start();
  upstream.expect("POST /p").reply(201, pattern(200'000));
  const Response first = ask("k");
  for (int i = 0; i < 2; ++i) {
    stop(SIGTERM);
    start();
    expect_replay(ask("k"), first);
  }
}

TEST_P(Restart, EncryptedNothingOfItCanBeReadOnDisk) {
  const std::string canary = "canary-of-the-";
  for (const bool encrypted : {true, false}) {
    SCOPED_TRACE(encrypted);
    std::filesystem::remove_all(folder_.path("data"));
    configure("idempotency: {}", encrypted ? "path: data, encryption_key: e1" : "path: data");
    start();
    const std::vector<std::string> parts = {canary + "answer", canary + pattern(200'000)};
    for (std::size_t i = 0; i < parts.size(); ++i) {
      upstream.expect("POST /p?x=canary-of-the-target")
          .reply(200, parts[i], {{"x-answer", canary + "field"}});
      const Response first = ask(keyed("/up/p?x=canary-of-the-target",
                                       canary + "key" + std::to_string(i), canary + "request",
                                       {{"authorization", "Bearer " + canary + "credential"},
                                        {"x-api-key", canary + "credential"},
                                        {"cookie", canary + "credential"}}));
      EXPECT_EQ(first.status, 200);
    }
    stop(SIGTERM);
    EXPECT_EQ(on_disk(canary + "answer"), !encrypted);
    EXPECT_EQ(on_disk(canary + "field"), !encrypted);
    for (const char* never : {"key", "request", "credential", "target"}) {
      EXPECT_FALSE(on_disk(canary + never)) << never;
    }
  }
}

TEST_P(Restart, AnotherKindOfFingerprintChangesNothingForKeysThatAreThere) {
  configure("idempotency: {}");
  start();
  upstream.expect("POST /p").reply(200, "by bytes");
  const Response bytes = ask(keyed("/up/p", "old", R"({"a":1,"b":2})"));
  reload("idempotency: {fingerprint: json}");
  expect_replay(ask(keyed("/up/p", "old", R"({"a":1,"b":2})")), bytes);
  expect_problem(ask(keyed("/up/p", "old", R"({"b":2,"a":1})")), 422, "idempotency_key_reused");
  upstream.expect("POST /p").reply(200, "by json");
  const Response json = ask(keyed("/up/p", "new", R"({"a":1,"b":2})"));
  expect_replay(ask(keyed("/up/p", "new", R"({"b":2,"a":1})")), json);
  reload("idempotency: {}");
  expect_replay(ask(keyed("/up/p", "new", R"({"b": 2, "a": 1})")), json);
  expect_problem(ask(keyed("/up/p", "new", R"({"b":3,"a":1})")), 422, "idempotency_key_reused");
  expect_problem(ask(keyed("/up/p", "new", "no json")), 422, "idempotency_key_reused");
}

TEST_P(Restart, AReloadMayBringTheFirstKeysAndTakeThemAway) {
  configure("replay: unsent");
  start();
  upstream.expect("POST /p").times(2).reply(200, "each");
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(is_marked(ask("k")));
  reload("idempotency: {}");
  upstream.expect("POST /p").reply(200, "once");
  const Response first = ask("k");
  EXPECT_EQ(first.body, "once");
  expect_replay(ask("k"), first);
  reload("replay: unsent");
  upstream.expect("POST /p").reply(200, "each");
  EXPECT_FALSE(is_marked(ask("k")));
  kill_and_start();
  reload("idempotency: {}");
  expect_replay(ask("k"), first);
}

TEST_P(Restart, AReloadInMidExecutionLosesNothing) {
  configure("idempotency: {}");
  start();
  upstream.expect("POST /p").manually();
  Client one = client();
  const auto leader = one.begin(keyed("/up/p", "k"));
  Held served = upstream.accept();
  served->start(200, {{"content-type", "text/event-stream"}});
  served->send(kEvent);
  EXPECT_EQ(leader->read_until("\n\n"), kEvent);
  reload("idempotency: {wait: 10s, keep: 1h}");
  Client two = client();
  const auto joiner = two.begin(keyed("/up/p", "k"));
  EXPECT_EQ(joiner->read_until("\n\n"), kEvent);
  served->finish();
  served.release();
  EXPECT_TRUE(leader->read_all().complete);
  EXPECT_TRUE(joiner->read_all().complete);
  EXPECT_EQ(ask("k").body, kEvent);
}

TEST_P(Restart, AFullStoreTakesNoNewKeysAndReplaysTheOldOnes) {
  configure("idempotency: {}", "path: data, max_size: 1MiB");
  start();
  std::vector<Response> kept;
  Response refused;
  for (int i = 0; i < 20; ++i) {
    upstream.expect("POST /p").always().reply(200, pattern(200'000));
    refused = ask(keyed("/up/p", std::to_string(i)));
    if (refused.status != 200) break;
    kept.push_back(refused);
  }
  expect_problem(refused, 503, "store_full");
  EXPECT_NE(value_of(refused.headers, "retry-after"), "");
  EXPECT_EQ(hits(), kept.size());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    expect_replay(ask(keyed("/up/p", std::to_string(i))), kept[i]);
  }
  EXPECT_EQ(ask(post("/up/p", "{}")).status, 200) << "without a key nothing is kept";
}

// The largest file that a process may write: with less than there is, all of its disks are full.
void limit_files(pid_t process, rlim_t bytes) {
  const rlimit limit{bytes, RLIM_INFINITY};
  ASSERT_EQ(::prlimit(process, RLIMIT_FSIZE, &limit, nullptr), 0);
}

TEST_P(Restart, AnEndThatCannotBeKeptIsNotShownAndTheDiskIsUsedAgain) {
  configure("idempotency: {}, replay: keyed");
  start();
  upstream.expect("POST /p").manually();
  {
    Client one = client();
    const auto call = one.begin(keyed("/up/p", "k"));
    Held served = upstream.accept();
    served->start(200, {{"content-length", "11"}});
    served->send("hello ");
    EXPECT_EQ(call->read_exactly(6), "hello ");
    limit_files(process_->pid(), 1);
    served->send("world");
    served->finish();
    served.release();
    const Response cut = call->read_all();
    EXPECT_FALSE(cut.complete);
    EXPECT_EQ(cut.body.find("world"), std::string::npos);
    const Response refused = ask("other");
    EXPECT_EQ(refused.status, 503) << refused.body;
    limit_files(process_->pid(), RLIM_INFINITY);
  }
  upstream.expect("POST /p").reply(200, "hello world");
  Response whole;
  ASSERT_TRUE(eventually([&] { return (whole = ask("k")).status != 503; }))
      << process_->standard_error();
  EXPECT_EQ(whole.body, "hello world");
  kill_and_start();
  EXPECT_TRUE(is_marked(ask("k")));
}

}  // namespace
}  // namespace outrigger::test
