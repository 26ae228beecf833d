#include "proxy/base/log_sink.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace outrigger {
namespace {

class LogSinkTest : public testing::Test {
 protected:
  LogSinkTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "log-sink-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~LogSinkTest() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path(std::string_view name) const { return (folder_ / name).string(); }
  static std::unique_ptr<LogSink> open(const std::string& path, LogSinkSettings settings = {}) {
    auto sink = LogSink::open(path, std::move(settings));
    EXPECT_TRUE(sink) << sink.error().detail;
    return std::move(*sink);
  }
  static std::string contents(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  static std::vector<std::string> lines(const std::string& path) {
    std::istringstream text(contents(path));
    std::vector<std::string> all;
    for (std::string line; std::getline(text, line);) all.push_back(line);
    return all;
  }

  std::filesystem::path folder_;
};

TEST_F(LogSinkTest, WritesWhatWasHandedOverBeforeFlushReturns) {
  const auto sink = open(path("log"));
  LogChannel& channel = sink->channel();
  EXPECT_TRUE(channel.write("one\n"));
  EXPECT_TRUE(channel.write("two\nthree\n"));
  sink->flush();
  EXPECT_EQ(contents(path("log")), "one\ntwo\nthree\n");
}

TEST_F(LogSinkTest, WritesTheRestWhenItEnds) {
  auto sink = open(path("log"));
  sink->channel().write("last words\n");
  sink.reset();
  EXPECT_EQ(contents(path("log")), "last words\n");
}

TEST_F(LogSinkTest, WritesWithoutBeingAsked) {
  const auto sink = open(path("log"));
  sink->channel().write("soon\n");
  while (contents(path("log")).empty()) std::this_thread::yield();
  EXPECT_EQ(contents(path("log")), "soon\n");
}

TEST_F(LogSinkTest, KeepsEachLineWholeWhenManyThreadsWrite) {
  constexpr int kThreads = 4;
  constexpr int kLines = 5000;
  // Small rings go round many times, so lines lie across their ends.
  const auto sink = open(path("log"), {.channel_bytes = 1 << 16});
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      LogChannel& channel = sink->channel();
      for (int i = 0; i < kLines; ++i) {
        const std::string line =
            fmt::format("{} {} {}\n", t, i, std::string(static_cast<std::size_t>(i % 90), 'x'));
        while (!channel.write(line)) sink->flush();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  sink->flush();
  std::vector<int> next(kThreads, 0);
  int dropped_notes = 0;
  for (const std::string& line : lines(path("log"))) {
    if (line.starts_with('{')) {
      ++dropped_notes;
      continue;
    }
    int thread = -1;
    int number = -1;
    ASSERT_EQ(std::sscanf(line.c_str(), "%d %d", &thread, &number), 2) << line;
    ASSERT_EQ(number, next.at(static_cast<std::size_t>(thread))++) << line;
    ASSERT_EQ(line.size(),
              fmt::format("{} {} ", thread, number).size() + static_cast<std::size_t>(number % 90));
  }
  for (const int count : next) EXPECT_EQ(count, kLines);
  EXPECT_EQ(dropped_notes > 0, sink->dropped_lines() > 0);
}

TEST_F(LogSinkTest, DropsCountsAndSaysSoWhenNobodyReads) {
  const std::string fifo = path("pipe");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const int reader = ::open(fifo.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  ASSERT_GT(fcntl(reader, F_SETPIPE_SZ, 4096), 0);
  auto sink = open(fifo, {.channel_bytes = 4096});
  LogChannel& channel = sink->channel();
  const std::string line(99, 'x');
  int written = 0;
  // Writing never blocks, so this ends although nobody reads: pipe and ring fill up.
  while (channel.write(line + "\n")) ++written;
  EXPECT_FALSE(channel.write("another\n" + std::string(5000, 'y') + "\n"));
  EXPECT_GE(written, 4096 / 100);
  EXPECT_EQ(sink->dropped_lines(), 3U);

  std::string seen;
  std::thread drain([&] {
    char buffer[8192];
    while (seen.find("dropped_total") == std::string::npos) {
      const ssize_t n = ::read(reader, buffer, sizeof buffer);
      if (n > 0) seen.append(buffer, static_cast<std::size_t>(n));
    }
  });
  drain.join();
  EXPECT_NE(seen.find("\"dropped\":3"), std::string::npos) << seen;
  sink.reset();
  ::close(reader);
}

TEST_F(LogSinkTest, EndsAlthoughNobodyReads) {
  const std::string fifo = path("pipe");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  const int reader = ::open(fifo.c_str(), O_RDWR | O_CLOEXEC);
  auto sink = open(fifo, {.last_wait = 50ms});
  LogChannel& channel = sink->channel();
  for (int i = 0; i < 2000; ++i) channel.write(std::string(199, 'x') + "\n");
  sink.reset();  // the test's own time limit tells when this hangs
  ::close(reader);
}

TEST_F(LogSinkTest, ReopensItsFileForRotation) {
  const auto sink = open(path("log"));
  LogChannel& channel = sink->channel();
  channel.write("before\n");
  sink->flush();
  std::filesystem::rename(path("log"), path("log.1"));
  sink->reopen();
  sink->flush();
  channel.write("after\n");
  sink->flush();
  EXPECT_EQ(contents(path("log.1")), "before\n");
  EXPECT_EQ(contents(path("log")), "after\n");
}

TEST_F(LogSinkTest, MasksSecretsAlsoAcrossTheEndOfARing) {
  LogSinkSettings settings{.channel_bytes = 64};
  settings.masks.emplace_back("sk-topsecret");
  const auto sink = open(path("log"), std::move(settings));
  LogChannel& channel = sink->channel();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(channel.write(fmt::format("{} sk-topsecret.\n", i)));
    sink->flush();
  }
  const std::string text = contents(path("log"));
  EXPECT_EQ(text.find("topsecret"), std::string::npos) << text;
  EXPECT_NE(text.find("19 ************.\n"), std::string::npos) << text;
}

TEST_F(LogSinkTest, MasksOtherSecretsFromNowOn) {
  LogSinkSettings settings;
  settings.masks.emplace_back("sk-before");
  const auto sink = open(path("log"), std::move(settings));
  LogChannel& channel = sink->channel();
  channel.write("sk-before sk-after\n");
  sink->flush();
  sink->mask({Secret("sk-after")});
  channel.write("sk-before sk-after\n");
  sink->flush();
  EXPECT_EQ(contents(path("log")), "********* sk-after\nsk-before ********\n");
}

TEST_F(LogSinkTest, SaysWhyItCannotOpen) {
  const auto sink = LogSink::open(path("no/such/folder"));
  ASSERT_FALSE(sink);
  EXPECT_EQ(sink.error().code, Errc::kSystem);
  EXPECT_NE(sink.error().detail.find("No such file"), std::string::npos) << sink.error().detail;
}

}  // namespace
}  // namespace outrigger
