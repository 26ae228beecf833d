// What stored answers outlive: restarts, kills and damage; and what they never cost: a request, or
// anything else that is on disk (durability 4.5).
#include <sys/resource.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "tests/integration/cache_scenario.h"
#include "tests/integration/lasting_proxy.h"

namespace outrigger::test {
namespace {

namespace fs = std::filesystem;

// A proxy that is ended and started again in the same folder. "/up/..." is cached, "/once/..." has
// keys.
class CacheRestart : public ::testing::TestWithParam<Protocols>, protected LastingProxy {
 protected:
  ~CacheRestart() override { stop(SIGKILL); }

  void configure(const std::string& store = {}, const std::string& cache = "ttl: 1h") {
    const std::string protocol = GetParam().upstream == Http::k2 ? "http2" : "http1";
    const std::string upstreams = fmt::format(
        "{{up: {{use: http, url: {0}, protocol: {1}, replay: safe, dialect: openai, cache: "
        "{{{2}}}}}, once: {{use: http, url: {0}, protocol: {1}, idempotency: {{}}}}}}",
        upstream.url(), protocol, cache);
    folder_.write("outrigger.yaml",
                  fmt::format("version: 1\n"
                              "server: {{{}, workers: 2, watch: false, log_format: json, drain: "
                              "{{announce: 10ms}}}}\n"
                              "defaults: {{retry: none, circuit_breaker: none}}\n"
                              "store: {{path: data{}{}}}\n"
                              "upstreams: {}\n",
                              addresses(), store.empty() ? "" : ", ", store, upstreams));
  }
  void start() {
    log_before_ = read_file(folder_.path("stderr")).size();
    LastingProxy::start();
  }
  Response ask(const Request& request) {
    return Client(port_.number(), {.http = GetParam().client}).fetch(request);
  }
  [[nodiscard]] std::size_t hits() const { return upstream.requests().size(); }
  void wait_until_on_disk(double entries) {
    EXPECT_TRUE(eventually([&] {
      return metric("outrigger_cache_entries{tier=\"disk\"}") >= entries;
    })) << process_->standard_error();
  }
  // What was said of the cache since the start.
  [[nodiscard]] std::vector<std::string> cache_lines() const {
    std::vector<std::string> lines;
    std::istringstream log(process_->standard_error().substr(log_before_));
    for (std::string line; std::getline(log, line);) {
      if (line.contains("\"logger\":\"cache\"")) lines.push_back(line);
    }
    return lines;
  }

  static std::string body_of(int number) {
    std::string text;
    while (text.size() < 3000u * static_cast<unsigned>(number % 40 + 1)) {
      text += fmt::format("answer {} at {}; ", number, text.size());
    }
    return text;
  }
  static Request page(int number) { return get(fmt::format("/up/{}", number)); }
  static Request question(int number) {
    return prompt(std::string("/up") + kChatPath, chat(fmt::format("question {}", number)));
  }
  // Answers all pages and questions by their number, and each key.
  void expect_any() {
    upstream.expect("*").always().run([](Exchange& exchange) {
      const Request& request = exchange.request;
      if (request.method == "GET") {
        const int number = std::stoi(request.target.substr(1));
        return exchange.reply(response(200, body_of(number), fresh_for(3600)));
      }
      const std::size_t at = request.body.find("question ");
      if (at == std::string::npos) return exchange.reply(response(201, "executed"));
      const int number = std::stoi(request.body.substr(at + 9));
      exchange.reply(response(200, chat_answer(body_of(number)), kJson));
    });
  }
  // Asks for both of these numbers; how many came from the cache.
  int ask_all(int count) {
    int stored = 0;
    for (int i = 0; i < count; ++i) {
      const Response got = ask(page(i));
      const Response said = ask(question(i));
      EXPECT_EQ(got.status, 200);
      EXPECT_EQ(said.status, 200);
      EXPECT_TRUE(got.body == body_of(i)) << i << ": " << got.body.substr(0, 100);
      EXPECT_TRUE(said.body == chat_answer(body_of(i))) << i << ": " << said.body.substr(0, 100);
      stored += is_hit(got) ? 1 : 0;
      stored += is_hit(said) ? 1 : 0;
    }
    return stored;
  }
  Response ask_once(const std::string& key) {
    return ask(post("/once/pay", "{}", {{"idempotency-key", key}}));
  }
  static bool is_replay(const Response& answer) {
    return source_of(answer) == "idempotency" && answer.body == "executed";
  }
  [[nodiscard]] std::vector<fs::path> cache_files() const {
    std::vector<fs::path> files;
    for (const auto& file : fs::directory_iterator(folder_.path("data/cache"))) {
      if (file.is_regular_file()) files.push_back(file.path());
    }
    std::ranges::sort(files);
    return files;
  }
  [[nodiscard]] bool readable(const std::string& text, const std::string& below = "data") const {
    for (const auto& file : fs::recursive_directory_iterator(folder_.path(below))) {
      if (file.is_regular_file() && read_file(file.path()).contains(text)) return true;
    }
    return false;
  }

  Upstream upstream{{.http = GetParam().upstream}};
  std::size_t log_before_ = 0;  // of the runs before
};
INSTANTIATE_TEST_SUITE_P(, CacheRestart, ::testing::ValuesIn(kBothProtocols), protocols_name);

TEST_P(CacheRestart, IsOutlivedByAnswers) {
  expect_any();
  configure();
  start();
  const Response got = ask(page(39));
  const Response said = ask(question(39));
  EXPECT_EQ(ask_all(39), 0);
  wait_until_on_disk(80);
  for (const int signal : {SIGTERM, SIGKILL, SIGTERM}) {
    stop(signal);
    start();
    EXPECT_EQ(cache_lines().size(), 0u) << process_->standard_error();
    expect_stored(ask(page(39)), got);
    const Response again = ask(question(39));
    expect_stored(again, said);
    EXPECT_EQ(value_of(again.headers, "outrigger-tokens-saved"), "input=7, output=3");
    EXPECT_EQ(ask_all(40), 80);
  }
  EXPECT_EQ(hits(), 80u);
}

TEST_P(CacheRestart, RightBehindAnAnswerGivesNoWrongOne) {
  expect_any();
  configure();
  for (int round = 0; round < 4; ++round) {
    start();
    std::vector<std::thread> asking;
    std::atomic<int> next = 0;
    for (int i = 0; i < 3; ++i) {
      asking.emplace_back([&] {
        try {
          for (;;) {
            const int number = next++ % 200;
            const Response answer = ask(page(number));
            if (answer.complete) EXPECT_TRUE(answer.body == body_of(number));
          }
        } catch (const std::exception&) {  // it was killed
        }
      });
    }
    EXPECT_TRUE(eventually([&] { return next > 40 * (round + 1); }));
    stop(SIGKILL);
    for (std::thread& thread : asking) thread.join();
  }
  start();
  EXPECT_EQ(cache_lines().size(), 0u) << process_->standard_error();
  EXPECT_GT(ask_all(200), 0);
  EXPECT_EQ(ask_all(200), 400);
}

TEST_P(CacheRestart, AStreamIsReplayedAtItsPace) {
  configure({}, "ttl: 1h, streams: recorded");
  start();
  upstream.expect(std::string("POST ") + kChatPath).reply_sse({kHello, kHello, kStop, kDone});
  const Request request = prompt(std::string("/up") + kChatPath, chat("a", R"("stream":true,)"));
  const Response first = ask(request);
  wait_until_on_disk(1);
  stop(SIGKILL);
  start();
  expect_stored(ask(request), first);
}

// ---- damage ----

struct Damage {
  const char* name;
  std::string (*done)(std::string bytes);
};
constexpr Damage kDamages[] = {
    {"a byte in the middle",
     [](std::string bytes) {
       if (!bytes.empty()) bytes[bytes.size() / 2] ^= 0x55;
       return bytes;
     }},
    {"the second half is gone",
     [](std::string bytes) { return bytes.substr(0, bytes.size() / 2); }},
    {"empty", [](std::string) { return std::string(); }},
    {"other bytes", [](std::string bytes) { return pattern(bytes.size()); }},
};

TEST_P(CacheRestart, WithADamagedFileLosesTheCacheAndNothingElse) {
  expect_any();
  configure();
  start();
  EXPECT_EQ(ask_once("k").body, "executed");
  stop(SIGTERM);
  // Each kind of file, by its name without the number.
  for (const std::string kind : {"CURRENT", "MANIFEST-", ".log", ".ldb"}) {
    for (const Damage& damage : kDamages) {
      // Half of them on each protocol: a start takes its time.
      const bool even = (&damage - kDamages) % 2 == 0;
      if (even != (GetParam().client == Http::k1)) continue;
      SCOPED_TRACE(kind + ": " + damage.name);
      start();
      ask_all(40);
      wait_until_on_disk(80);
      stop(SIGTERM);  // the log of this run is a table after the next start
      start();
      ask_all(40);
      EXPECT_EQ(ask(page(100)).status, 200);
      wait_until_on_disk(80);
      stop(SIGKILL);
      int damaged = 0;
      for (const fs::path& file : cache_files()) {
        if (!file.filename().string().contains(kind)) continue;
        write_file(file, damage.done(read_file(file)));
        ++damaged;
      }
      EXPECT_GT(damaged, 0);
      start();
      const int stored = ask_all(40);
      EXPECT_TRUE(is_replay(ask_once("k"))) << "the store is whole";
      // A log that ends early is one that was not written further.
      const bool noticed = kind != ".log";
      if (noticed) EXPECT_LT(stored, 80);
      if (noticed) {
        EXPECT_TRUE(eventually([&] { return cache_lines().size() == 1; }))
            << process_->standard_error();
      }
      EXPECT_LE(cache_lines().size(), 1u) << process_->standard_error();
      EXPECT_EQ(ask_all(40), 80) << "memory goes on";
      stop(SIGTERM);
      fs::remove_all(folder_.path("data/cache"));
    }
  }
}

TEST_P(CacheRestart, AFileThatIsGoneLosesTheCacheAndNothingElse) {
  expect_any();
  configure();
  start();
  EXPECT_EQ(ask_once("k").body, "executed");
  ask_all(20);
  wait_until_on_disk(40);
  stop(SIGTERM);
  start();
  ask_all(20);
  stop(SIGTERM);
  for (const fs::path& file : cache_files()) {
    SCOPED_TRACE(file.filename());
    if (!fs::exists(file)) continue;
    fs::remove(file);
    start();
    ask_all(20);
    EXPECT_EQ(ask_all(20), 40);
    EXPECT_TRUE(is_replay(ask_once("k")));
    EXPECT_LE(cache_lines().size(), 1u) << process_->standard_error();
    stop(SIGTERM);
  }
  fs::remove_all(folder_.path("data/cache"));
  start();
  EXPECT_EQ(ask_all(20), 0);
  EXPECT_TRUE(is_replay(ask_once("k")));
}

// ---- secrets ----

TEST_P(CacheRestart, EncryptedNothingOfItCanBeReadOnDisk) {
  const std::string canary = "canary-of-the-";
  for (const bool encrypted : {true, false}) {
    SCOPED_TRACE(encrypted);
    fs::remove_all(folder_.path("data"));
    configure(encrypted ? "encryption_key: e1" : "");
    start();
    const std::string answer = chat_answer(canary + "answer");
    upstream.expect(std::string("POST ") + kChatPath)
        .reply(200, answer, {{"content-type", "application/json"}, {"x-answer", canary + "field"}});
    upstream.expect("GET /canary-of-the-target?x=canary-of-the-target")
        .reply(200, canary + "page",
               {{"cache-control", "public, max-age=600"}, {"etag", "\"" + canary + "tag\""}});
    const Fields secret = {{"authorization", "Bearer " + canary + "credential"},
                           {"x-api-key", canary + "credential"},
                           {"cookie", canary + "credential"}};
    EXPECT_EQ(ask(prompt(std::string("/up") + kChatPath, chat(canary + "prompt"), secret)).status,
              200);
    EXPECT_EQ(ask(get("/up/canary-of-the-target?x=canary-of-the-target", secret)).status, 200);
    wait_until_on_disk(2);
    stop(SIGTERM);
    for (const char* kept : {"answer", "field", "page", "tag"}) {
      EXPECT_EQ(readable(canary + kept), !encrypted) << kept;
    }
    for (const char* never : {"prompt", "credential", "target"}) {
      EXPECT_FALSE(readable(canary + never)) << never;
    }
  }
}

TEST_P(CacheRestart, AnotherEncryptionKeyBeginsTheCacheAnew) {
  expect_any();
  configure("encryption_key: e1");
  start();
  EXPECT_EQ(ask_once("k").body, "executed");
  ask_all(5);
  wait_until_on_disk(10);
  stop(SIGTERM);
  configure("encryption_key: e2, previous_encryption_key: e1");
  start();
  EXPECT_TRUE(is_replay(ask_once("k")));
  EXPECT_EQ(ask_all(5), 0);
  EXPECT_TRUE(eventually([&] { return cache_lines().size() == 1; })) << process_->standard_error();
  wait_until_on_disk(10);
  stop(SIGTERM);
  configure("encryption_key: e2");
  start();
  EXPECT_EQ(ask_all(5), 10);
  EXPECT_EQ(cache_lines().size(), 0u) << process_->standard_error();
}

// ---- no room ----

TEST_P(CacheRestart, ASmallMemoryUnderLoadGivesTheRightBytes) {
  for (const std::string disk : {"none", "4MiB"}) {
    SCOPED_TRACE(disk);
    expect_any();
    configure("cache: {memory: 1MiB, disk: " + disk + "}");
    start();
    std::vector<std::thread> threads;
    for (int i = 0; i < 6; ++i) {
      threads.emplace_back([&, i] {
        try {
          Client one(port_.number(), {.http = GetParam().client});
          for (int n = 0; n < 250; ++n) {
            const int number = (n * (i + 7) + i) % 97;
            const bool said = n % 2 == 0;
            const Response answer = one.fetch(said ? question(number) : page(number));
            ASSERT_TRUE(answer.complete) << answer.failure;
            ASSERT_TRUE(answer.body == (said ? chat_answer(body_of(number)) : body_of(number)));
          }
        } catch (const std::exception& failure) {
          ADD_FAILURE() << failure.what();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(eventually(
        [&] { return metric("outrigger_cache_evictions_total{reason=\"memory_full\"}") > 0; }));
    EXPECT_LE(metric("outrigger_cache_bytes{tier=\"memory\"}"), 1024 * 1024);
    EXPECT_LE(metric("outrigger_cache_bytes{tier=\"disk\"}"), 4 * 1024 * 1024);
    EXPECT_EQ(cache_lines().size(), 0u) << process_->standard_error();
    stop(SIGTERM);
    fs::remove_all(folder_.path("data"));
  }
}

// The largest file that a process may write: with less than there is, all of its disks are full.
void limit_files(pid_t process, rlim_t bytes) {
  const rlimit limit{bytes, RLIM_INFINITY};
  ASSERT_EQ(::prlimit(process, RLIMIT_FSIZE, &limit, nullptr), 0);
}

TEST_P(CacheRestart, OnAFullDiskMemoryGoesOn) {
  expect_any();
  configure();
  start();
  ask_all(5);
  wait_until_on_disk(10);
  limit_files(process_->pid(), 16 * 1024);  // there is room for the log
  EXPECT_EQ(ask_all(5), 10);
  EXPECT_EQ(ask_all(20), 10);
  EXPECT_EQ(ask_all(20), 40);
  EXPECT_TRUE(eventually([&] { return !cache_lines().empty(); })) << process_->standard_error();
  limit_files(process_->pid(), RLIM_INFINITY);
  EXPECT_EQ(ask_all(20), 40);
  EXPECT_EQ(ask_once("k").status, 201);
  stop(SIGTERM);
  start();
  ask_all(20);
  EXPECT_EQ(ask_all(20), 40);
}

// In a folder in which nobody can make a file, whoever it is that runs the tests.
TEST_P(CacheRestart, WhereNothingCanBeWrittenMemoryGoesOn) {
  expect_any();
  configure();
  start();
  EXPECT_EQ(ask_once("k").body, "executed");
  stop(SIGTERM);
  fs::remove_all(folder_.path("data/cache"));
  fs::create_directory_symlink("/proc/1/net", folder_.path("data/cache"));
  start();
  EXPECT_EQ(ask_all(5), 0);
  EXPECT_EQ(ask_all(5), 10);
  EXPECT_TRUE(is_replay(ask_once("k")));
  EXPECT_EQ(cache_lines().size(), 1u) << process_->standard_error();
  stop(SIGTERM);
  fs::remove(folder_.path("data/cache"));
}

TEST_P(CacheRestart, AnotherProcessKeepsTheDiskAndMemoryGoesOn) {
  expect_any();
  configure();
  start();
  ask_all(2);
  wait_until_on_disk(4);
  const ReservedPort port, admin, health;
  std::string yaml = read_file(folder_.path("outrigger.yaml"));
  for (const auto& [from, to] :
       {std::pair(&port_, &port), {&admin_, &admin}, {&health_, &health}}) {
    const std::string text = fmt::format("127.0.0.1:{}", from->number());
    yaml.replace(yaml.find(text), text.size(), fmt::format("127.0.0.1:{}", to->number()));
  }
  const TemporaryFolder own;
  own.write("second.yaml", yaml);
  // The store is the first one's: the second says so and does not begin, or does without.
  Process second({"/bin/sh", "-c",
                  fmt::format("cd {} && exec {} run {}/second.yaml", folder_.path(""), binary(),
                              own.path(""))},
                 {.folder = own.path("")});
  EXPECT_NE(second.wait_exit().value_or(0), 0) << second.standard_error();
  EXPECT_EQ(ask_all(2), 4) << "the first is untouched";
  EXPECT_EQ(cache_lines().size(), 0u);
}

}  // namespace
}  // namespace outrigger::test
