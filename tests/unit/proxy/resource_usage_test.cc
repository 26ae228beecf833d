#include "proxy/resource_usage.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "proxy/overload_watch.h"
#include "proxy/runtime/sim_loop.h"

namespace outrigger {
namespace {

namespace fs = std::filesystem;
using filters::Level;
using filters::MemoryReading;
using filters::Resource;

// A root with the files of /proc and /sys that a test lays out.
class FakeRoot {
 public:
  FakeRoot() {
    char name[] = "/tmp/outrigger-root-XXXXXX";
    root_ = mkdtemp(name);
    write("/proc/meminfo", "MemTotal:       1000 kB\nMemFree:  1 kB\n");
    write("/proc/self/statm", "900 100 50 1 0 2 0\n");
    write("/proc/self/cgroup", "0::/\n");
  }
  FakeRoot(const FakeRoot&) = delete;
  FakeRoot& operator=(const FakeRoot&) = delete;
  ~FakeRoot() { fs::remove_all(root_); }
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  [[nodiscard]] const std::string& path() const { return root_; }

 private:
  std::string root_;
};

TEST(ResourceUsage, WithoutAControlGroupItIsTheMachines) {
  const FakeRoot root;
  const MemoryReading reading = MemoryMeter(root.path()).read();
  EXPECT_EQ(reading.machine, 1000u * 1024);
  EXPECT_EQ(reading.resident, 100u * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)));
  EXPECT_FALSE(reading.group_limit);
}

TEST(ResourceUsage, AContainersLimitIsAtTheRoot) {
  const FakeRoot root;
  root.write("/sys/fs/cgroup/memory.max", "500000\n");
  root.write("/sys/fs/cgroup/memory.current", "400000\n");
  root.write("/sys/fs/cgroup/memory.stat", "anon 1\ninactive_file 100000\nactive_file 3\n");
  const MemoryReading reading = MemoryMeter(root.path()).read();
  EXPECT_EQ(reading.group_limit, 500'000u);
  EXPECT_EQ(reading.group_used, 400'000u);
  EXPECT_EQ(reading.group_cache, 100'000u);
}

TEST(ResourceUsage, TheFullestOfTheGroupsAboveCounts) {
  const FakeRoot root;
  root.write("/proc/self/cgroup", "1:name=systemd:/x\n0::/pod/app\n");
  root.write("/sys/fs/cgroup/pod/app/memory.max", "max\n");
  root.write("/sys/fs/cgroup/pod/app/memory.current", "10\n");
  root.write("/sys/fs/cgroup/pod/memory.max", "1000\n");
  root.write("/sys/fs/cgroup/pod/memory.current", "900\n");
  root.write("/sys/fs/cgroup/memory.max", "9000\n");
  root.write("/sys/fs/cgroup/memory.current", "1000\n");
  EXPECT_EQ(MemoryMeter(root.path()).read().group_limit, 1000u);
}

TEST(ResourceUsage, TheFirstVersionOfControlGroupsIsRead) {
  const FakeRoot root;
  root.write("/proc/self/cgroup", "5:cpu,memory:/docker/abc\n2:cpuset:/\n");
  // Seen from inside a container the group's own folder is not there, but its mount is.
  root.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "800\n");
  root.write("/sys/fs/cgroup/memory/memory.usage_in_bytes", "700\n");
  root.write("/sys/fs/cgroup/memory/memory.stat", "cache 500\ntotal_inactive_file 300\n");
  const MemoryReading reading = MemoryMeter(root.path()).read();
  EXPECT_EQ(reading.group_limit, 800u);
  EXPECT_EQ(reading.group_used, 700u);
  EXPECT_EQ(reading.group_cache, 300u);
}

TEST(ResourceUsage, NonsenseIsNothing) {
  const FakeRoot root;
  for (const std::string text : {"", "\n", ":", "::", "0:", "x:y:z", "0::/../..", "0::a"}) {
    root.write("/proc/self/cgroup", text);
    root.write("/proc/meminfo", text);
    root.write("/proc/self/statm", text);
    root.write("/sys/fs/cgroup/memory.max", text);
    const MemoryReading reading = MemoryMeter(root.path()).read();
    EXPECT_EQ(reading.machine, 0u) << text;
    EXPECT_EQ(reading.resident, 0u) << text;
    EXPECT_FALSE(reading.group_limit) << text;
  }
}

TEST(ResourceUsage, OfThisProcessIsPlausible) {
  const MemoryReading memory = MemoryMeter().read();
  EXPECT_GT(memory.resident, 100'000u);
  EXPECT_GT(memory.machine, memory.resident);
  const filters::Usage before = read_descriptors();
  const int more = dup(0);
  const filters::Usage after = read_descriptors();
  close(more);
  EXPECT_EQ(after.used, before.used + 1);
  EXPECT_GT(after.limit, after.used);
}

class OverloadWatchTest : public ::testing::Test {
 protected:
  OverloadWatchTest() {
    root_.write("/sys/fs/cgroup/memory.max", "1000\n");
    use(100);
    policy_.memory = config::Watermarks{0.7, 0.85};
    policy_.descriptors = std::nullopt;
  }
  void use(int bytes) {
    root_.write("/sys/fs/cgroup/memory.current", std::to_string(bytes) + "\n");
  }
  [[nodiscard]] Level level() const { return pressure_.of(Resource::kMemory); }

  FakeRoot root_;
  SimLoop loop_;
  filters::Pressure pressure_;
  MetricRegistry metrics_;
  std::unique_ptr<LogSink> sink_ = std::move(*LogSink::open("/dev/null"));
  Logger log_{*sink_, LogLevel::kInfo, LogStyle::kJson};
  config::Overload policy_;
};

TEST_F(OverloadWatchTest, FollowsWhatTheKernelSays) {
  OverloadWatch watch(loop_, pressure_, metrics_, log_, root_.path());
  policy_.retry_after = 9s;
  watch.use(policy_);
  EXPECT_EQ(level(), Level::kEnough);
  EXPECT_EQ(pressure_.retry_after(), 9s);
  use(720);
  loop_.advance(100ms);
  EXPECT_EQ(level(), Level::kSoft);
  EXPECT_FALSE(pressure_.refuses_requests());
  use(900);
  loop_.advance(100ms);
  EXPECT_TRUE(pressure_.refuses_requests());
  EXPECT_NE(
      metrics_.expose(Exposition::kPrometheus).find("outrigger_overload{resource=\"memory\"} 2\n"),
      std::string::npos);
  use(830);
  loop_.advance(100ms);
  EXPECT_TRUE(pressure_.refuses_requests()) << "not at the mark itself";
  use(100);
  loop_.advance(100ms);
  EXPECT_EQ(level(), Level::kEnough);
}

TEST_F(OverloadWatchTest, OtherMarksAreInForceAtOnce) {
  use(900);
  OverloadWatch watch(loop_, pressure_, metrics_, log_, root_.path());
  watch.use(policy_);
  EXPECT_EQ(level(), Level::kHard);
  policy_.memory = std::nullopt;
  watch.use(policy_);
  EXPECT_EQ(level(), Level::kEnough);
}

TEST_F(OverloadWatchTest, TheMarkOfDescriptorsIsANumber) {
  OverloadWatch watch(loop_, pressure_, metrics_, log_, root_.path());
  watch.use(policy_);
  EXPECT_FALSE(pressure_.refuses_connection(1 << 30));
  policy_.descriptors = config::Watermarks{0.5, 0.9};
  watch.use(policy_);
  const auto limit = static_cast<int>(read_descriptors().limit);
  EXPECT_TRUE(pressure_.refuses_connection(limit * 9 / 10 + 1));
  EXPECT_FALSE(pressure_.refuses_connection(limit * 9 / 10 - 1));
}

}  // namespace
}  // namespace outrigger
