// `outrigger cache` against a scripted admin port.
#include <poll.h>
#include <pty.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "proxy/cli/admin_client.h"
#include "proxy/cli/command.h"
#include "proxy/net/listener.h"

namespace outrigger::cli {
namespace {

std::string json(std::string_view body, std::string_view status = "200 OK") {
  return fmt::format(
      "HTTP/1.1 {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}", status,
      body.size(), body);
}

// Gives each connection the next answer, and keeps what was asked.
class ScriptedPort {
 public:
  explicit ScriptedPort(std::vector<std::string> answers,
                        SocketAddress at = SocketAddress::parse("127.0.0.1", 0).value())
      : listening_(std::move(*bind_listener(at, ReusePort::kNo))),
        thread_([this, answers = std::move(answers)] { serve(answers); }) {}
  ~ScriptedPort() { stop(); }
  [[nodiscard]] std::string address() const { return local_address(listening_).to_string(); }
  // All so far; no more is taken.
  [[nodiscard]] std::vector<std::string> asked() {
    stop();
    return asked_;
  }

 private:
  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  void serve(const std::vector<std::string>& answers) {
    for (const std::string& answer : answers) {
      pollfd waiting{listening_.get(), POLLIN, 0};
      while (::poll(&waiting, 1, 5) == 0) {
        if (stopping_) return;
      }
      const Fd fd(::accept(listening_.get(), nullptr, nullptr));
      asked_.push_back(read(fd));
      (void)!::send(fd.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    }
  }
  static std::string read(const Fd& fd) {
    std::string all;
    for (;;) {
      const std::size_t end = all.find("\r\n\r\n");
      if (end != std::string::npos) {
        const std::size_t length = all.find("Content-Length: ");
        const std::size_t body = length > end ? 0 : std::stoul(all.substr(length + 16));
        if (all.size() >= end + 4 + body) return all;
      }
      char buffer[4096];
      const ssize_t got = ::recv(fd.get(), buffer, sizeof buffer, 0);
      if (got <= 0) return all;
      all.append(buffer, static_cast<std::size_t>(got));
    }
  }

  Fd listening_;
  std::vector<std::string> asked_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

struct Output {
  int code = -1;
  std::string out, err;
};

// What the command line does; 2 when it is not accepted.
Output outrigger(std::vector<std::string> words) {
  CLI::App app;
  Action chosen;
  add_cache(app, chosen);
  std::ranges::reverse(words);
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Output output;
  try {
    app.parse(words);
    output.code = chosen();
  } catch (const CLI::ParseError& error) {
    output.code = kExitUsage;
    fmt::print(stderr, "{}", error.what());
  }
  output.out = testing::internal::GetCapturedStdout();
  output.err = testing::internal::GetCapturedStderr();
  return output;
}

class CacheCommand : public testing::Test {
 protected:
  CacheCommand() {
    ::unsetenv("OUTRIGGER_ADMIN");
    ::unsetenv("OUTRIGGER_ADMIN_TOKEN");
  }
  ~CacheCommand() override { ::unsetenv("OUTRIGGER_ADMIN_TOKEN"); }
};

constexpr const char* kFigures =
    R"({"memory":{"entries":120,"bytes":3250585,"max_bytes":67108864,"hits":9001,"misses":37,)"
    R"("evictions":{"full":4,"expired":5}},"disk":{"entries":5000,"bytes":1073741824,)"
    R"("max_bytes":4294967296,"hits":12,"misses":25,"evictions":{"full":0,"expired":600}},)"
    R"("disk_serves":true})";

TEST_F(CacheCommand, StatsAreATable) {
  ScriptedPort port({json(kFigures)});
  const Output output = outrigger({"cache", "stats", "--admin", port.address()});
  EXPECT_EQ(output.code, 0) << output.err;
  EXPECT_EQ(
      output.out,
      "TIER       ENTRIES        SIZE       LIMIT        HITS      MISSES   EVICTED   EXPIRED\n"
      "memory         120     3.1 MiB    64.0 MiB        9001          37         4         5\n"
      "disk          5000     1.0 GiB     4.0 GiB          12          25         0       600\n");
  EXPECT_EQ(output.err, "");
  const std::string asked = port.asked().at(0);
  EXPECT_TRUE(asked.starts_with("GET /api/v1/cache HTTP/1.0\r\n")) << asked;
  EXPECT_TRUE(asked.contains("\r\nHost: " + port.address() + "\r\n")) << asked;
  EXPECT_FALSE(asked.contains("Authorization")) << asked;
}

TEST_F(CacheCommand, StatsSayWhenTheDiskDoesNotServe) {
  ScriptedPort port({json(R"({"disk":{"max_bytes":5},"disk_serves":false})")});
  const Output output = outrigger({"cache", "stats", "--admin", port.address()});
  EXPECT_EQ(output.code, 0);
  EXPECT_TRUE(output.out.contains("The disk does not serve")) << output.out;
  ScriptedPort without({json(R"({"disk":{"max_bytes":0},"disk_serves":false})")});
  EXPECT_FALSE(
      outrigger({"cache", "stats", "--admin", without.address()}).out.contains("does not serve"));
}

TEST_F(CacheCommand, JsonIsPassedOnAsItIs) {
  ScriptedPort port({json(kFigures), json(R"({"purged":3})")});
  EXPECT_EQ(outrigger({"cache", "stats", "-o", "json", "--admin", port.address()}).out, kFigures);
  EXPECT_EQ(
      outrigger({"cache", "purge", "--tag", "t", "-o", "json", "--admin", port.address()}).out,
      R"({"purged":3})");
}

TEST_F(CacheCommand, SurvivesFiguresThatItDoesNotKnow) {
  for (const char* body : {"{}", "[]", "7", R"({"memory":3,"disk":{"evictions":[],"hits":"x"}})"}) {
    ScriptedPort port({json(body)});
    EXPECT_EQ(outrigger({"cache", "stats", "--admin", port.address()}).code, 0) << body;
  }
}

TEST_F(CacheCommand, PurgeSaysWhatWasSaidAndNothingElse) {
  struct Row {
    std::vector<std::string> words;
    std::string line, body, says;
  };
  const std::string key(64, 'a');
  const Row rows[] = {
      {{"--tag", "a \"b\""}, "/cache/purge HTTP", R"({"tag":"a \"b\""})", "purged 12 answers\n"},
      {{"--upstream", "openai", "--model", "gpt", "--older-than", "1h"},
       "/cache/purge HTTP",
       R"({"upstream":"openai","model":"gpt","older_than":"1h"})",
       "purged 12 answers\n"},
      {{"--key", key}, "/cache/purge HTTP", R"({"key":")" + key + R"("})", "purged 12 answers\n"},
      {{"--all", "-y"}, "/cache/purge HTTP", R"({"all":true})", "purged 12 answers\n"},
      {{"--all", "--dry-run"},
       "/cache/purge?dry_run=true HTTP",
       R"({"all":true})",
       "would purge 12 answers\n"},
  };
  for (const Row& row : rows) {
    ScriptedPort port({json(R"({"purged":12})")});
    std::vector<std::string> words = {"cache", "purge", "--admin", "http://" + port.address()};
    words.insert(words.end(), row.words.begin(), row.words.end());
    const Output output = outrigger(words);
    EXPECT_EQ(output.code, 0) << output.err;
    EXPECT_EQ(output.out, row.says);
    const std::string asked = port.asked().at(0);
    EXPECT_TRUE(asked.starts_with("POST /api/v1" + row.line)) << asked;
    EXPECT_TRUE(asked.contains("\r\nContent-Type: application/json\r\n")) << asked;
    EXPECT_TRUE(asked.ends_with("\r\n\r\n" + row.body)) << asked;
  }
  ScriptedPort port({json(R"({"purged":1})")});
  EXPECT_EQ(outrigger({"cache", "purge", "--tag", "x", "--admin", port.address()}).out,
            "purged 1 answer\n");
}

TEST_F(CacheCommand, WhatIsNotCertainIsAUsageErrorAndAsksNobody) {
  const std::vector<std::vector<std::string>> lines = {
      {"purge"},
      {"purge", "--dry-run"},
      {"purge", "--tag", ""},
      {"purge", "--key", "abc"},
      {"purge", "--older-than", "3600"},
      {"purge", "--all", "--tag", "x"},
      {"purge", "--all", "--older-than", "1h"},
      {"purge", "x"},
      {"stats", "-o", "yaml"},
      {"stats", "--timeout", "0s"},
      {"stats", "--admin", "https://127.0.0.1:4172"},
      {"stats", "--admin", "4172"},
      {},
  };
  ScriptedPort port({json(R"({"purged":1})")});
  ::setenv("OUTRIGGER_ADMIN", port.address().c_str(), 1);
  for (std::vector<std::string> words : lines) {
    words.insert(words.begin(), "cache");
    const Output output = outrigger(words);
    EXPECT_EQ(output.code, kExitUsage) << fmt::format("{}", output.out);
    EXPECT_NE(output.err, "");
  }
  EXPECT_TRUE(port.asked().empty());
}

TEST_F(CacheCommand, TheVariableSaysWhereTheProxyIs) {
  ScriptedPort port({json(kFigures)});
  ::setenv("OUTRIGGER_ADMIN", port.address().c_str(), 1);
  EXPECT_EQ(outrigger({"cache", "stats"}).code, 0);
}

TEST_F(CacheCommand, ReachesASocket) {
  const std::string path = fmt::format("{}/admin-{}.sock", testing::TempDir(), ::getpid());
  ScriptedPort port({json(kFigures)}, SocketAddress::unix_path(path).value());
  EXPECT_EQ(outrigger({"cache", "stats", "--admin", "unix:" + path}).code, 0);
  EXPECT_TRUE(port.asked().at(0).contains("\r\nHost: localhost\r\n"));
  std::filesystem::remove(path);
}

TEST_F(CacheCommand, ShowsTheTokenOfTheVariable) {
  ScriptedPort port({json(kFigures)});
  ::setenv("OUTRIGGER_ADMIN_TOKEN", "0123456789abcdef", 1);
  EXPECT_EQ(outrigger({"cache", "stats", "--admin", port.address()}).code, 0);
  EXPECT_TRUE(port.asked().at(0).contains("\r\nAuthorization: Bearer 0123456789abcdef\r\n"));
}

TEST_F(CacheCommand, ATokenCannotAddAHeader) {
  ScriptedPort port({json(kFigures)});
  ::setenv("OUTRIGGER_ADMIN_TOKEN", "a\r\nX-Other: b", 1);
  const Output output = outrigger({"cache", "stats", "--admin", port.address()});
  EXPECT_EQ(output.code, kExitUsage);
  EXPECT_FALSE(output.err.contains("X-Other"));
  EXPECT_TRUE(port.asked().empty());
}

TEST_F(CacheCommand, ARefusalIsAFailureThatSaysWhy) {
  ScriptedPort port({json(R"({"type":"urn:outrigger:error:store_io","detail":"the disk is full"})",
                          "503 Service Unavailable"),
                     json(R"({"type":"urn:outrigger:error:admin_token_needed","detail":"No."})",
                          "401 Unauthorized")});
  const Output output = outrigger({"cache", "purge", "--tag", "x", "--admin", port.address()});
  EXPECT_EQ(output.code, kExitFailure);
  EXPECT_EQ(output.out, "");
  EXPECT_EQ(output.err, "outrigger: the disk is full\n");
  EXPECT_EQ(outrigger({"cache", "stats", "--admin", port.address()}).err,
            "outrigger: No.\nPut the token into OUTRIGGER_ADMIN_TOKEN.\n");
}

TEST_F(CacheCommand, AnotherServerIsNotTakenForAProxy) {
  for (const std::string& answer :
       {json("<html>", "404 Not Found"), json("<html>"), json("{}", "500 Internal Server Error")}) {
    ScriptedPort port({answer});
    const Output output = outrigger({"cache", "stats", "--admin", port.address()});
    EXPECT_EQ(output.code, kExitFailure) << answer;
    EXPECT_TRUE(output.err.contains("is it the admin port of a proxy?")) << output.err;
  }
}

TEST_F(CacheCommand, WhereNobodyAnswersTheCodeIsFour) {
  std::string nobody;
  {
    const ScriptedPort port({});
    nobody = port.address();
  }
  const Output output = outrigger({"cache", "stats", "--admin", nobody});
  EXPECT_EQ(output.code, 4);
  EXPECT_EQ(output.out, "");
  EXPECT_TRUE(output.err.contains("cannot reach the proxy at http://" + nobody)) << output.err;
  EXPECT_TRUE(output.err.contains("Connection refused")) << output.err;
  EXPECT_EQ(outrigger({"cache", "stats", "--admin", "unix:/nowhere/x.sock"}).code, 4);
}

TEST_F(CacheCommand, AnAnswerThatIsNoneIsLikeNobody) {
  const std::string cut = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}";
  for (const std::string& answer :
       {std::string(), std::string("SSH-2.0-x\r\n"), std::string("HTTP/1.1 200 OK\r\n"), cut}) {
    ScriptedPort port({answer});
    EXPECT_EQ(outrigger({"cache", "stats", "--admin", port.address()}).code, 4) << answer;
  }
}

TEST_F(CacheCommand, GivesUpWhenTheTimeIsOver) {
  Fd silent =
      std::move(*bind_listener(SocketAddress::parse("127.0.0.1", 0).value(), ReusePort::kNo));
  const Output output = outrigger(
      {"cache", "stats", "--timeout", "20ms", "--admin", local_address(silent).to_string()});
  EXPECT_EQ(output.code, 4);
  EXPECT_TRUE(output.err.contains("no answer in time")) << output.err;
}

// Standard input is a terminal on which somebody types this.
class Typed {
 public:
  explicit Typed(std::string_view line) : before_(::dup(STDIN_FILENO)) {
    EXPECT_EQ(::openpty(&person_, &terminal_, nullptr, nullptr, nullptr), 0);
    ::dup2(terminal_, STDIN_FILENO);
    (void)!::write(person_, line.data(), line.size());
  }
  ~Typed() {
    ::dup2(before_, STDIN_FILENO);
    for (const int fd : {before_, person_, terminal_}) ::close(fd);
  }

 private:
  int before_, person_ = -1, terminal_ = -1;
};

TEST_F(CacheCommand, AsksAPersonBeforeAllGoes) {
  struct Row {
    std::string_view types;
    int code;
    std::size_t requests;
  };
  for (const Row& row : {Row{"y\n", 0, 2}, Row{"n\n", 1, 1}, Row{"\n", 1, 1}, Row{"all\n", 1, 1}}) {
    const Typed typed(row.types);
    ScriptedPort port({json(R"({"purged":12,"dry_run":true})"), json(R"({"purged":12})")});
    const Output output = outrigger({"cache", "purge", "--all", "--admin", port.address()});
    EXPECT_EQ(output.code, row.code) << row.types;
    EXPECT_TRUE(output.err.starts_with("Purge all 12 answers? [y/N] ")) << output.err;
    const std::vector<std::string> asked = port.asked();
    ASSERT_EQ(asked.size(), row.requests) << row.types;
    EXPECT_TRUE(asked[0].contains("purge?dry_run=true "));
  }
}

TEST_F(CacheCommand, AsksNobodyWhoSaidYesOrWhereLessThanAllGoes) {
  const std::vector<std::string> lines[] = {
      {"--all", "--yes"}, {"--all", "--dry-run"}, {"--tag", "x"}};
  for (const auto& words : lines) {
    const Typed typed("n\n");
    ScriptedPort port({json(R"({"purged":12})")});
    std::vector<std::string> all = {"cache", "purge", "--admin", port.address()};
    all.insert(all.end(), words.begin(), words.end());
    const Output output = outrigger(all);
    EXPECT_EQ(output.code, 0) << output.err;
    EXPECT_EQ(output.err, "");
  }
}

TEST(AdminAddress, IsAUrlOrWhatAConfigurationWrites) {
  struct Row {
    std::string_view text, host;
    std::uint16_t port;
    std::string_view base, socket;
  };
  const Row rows[] = {
      {"http://127.0.0.1:4172", "127.0.0.1", 4172, "", ""},
      {"http://proxy.internal/", "proxy.internal", 80, "", ""},
      {"http://gateway:8080/outrigger/", "gateway", 8080, "/outrigger", ""},
      {"127.0.0.1:4172", "127.0.0.1", 4172, "", ""},
      {"localhost:4172", "localhost", 4172, "", ""},
      {"[::1]:4172", "::1", 4172, "", ""},
      {"unix:/run/outrigger.sock", "", 0, "", "/run/outrigger.sock"},
  };
  for (const Row& row : rows) {
    const auto address = parse_admin_address(row.text);
    ASSERT_TRUE(address) << row.text << address.error();
    EXPECT_EQ(address->host, row.host) << row.text;
    EXPECT_EQ(address->port, row.port) << row.text;
    EXPECT_EQ(address->base_path, row.base) << row.text;
    EXPECT_EQ(address->socket, row.socket) << row.text;
  }
  for (const std::string_view bad : {"", "4172", "127.0.0.1", "https://127.0.0.1", "ftp://x",
                                     "unix:relative", "http://a b", "http://x?y=1", "a\r\nb:1"}) {
    EXPECT_FALSE(parse_admin_address(bad)) << bad;
  }
}

}  // namespace
}  // namespace outrigger::cli
