// What a running stream takes from the heap: nothing. The real proxy is counted from outside;
// sanitizers have a heap of their own, so there OUTRIGGER_BINARY must name another build. With
// OUTRIGGER_TRACE set, the proxy's log tells where.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>

#include "tests/integration/scenario.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OUTRIGGER_TESTS_ARE_SANITIZED 1
#endif
#endif

namespace outrigger::test {
namespace {

// The counter of the process that is started while this lives.
class AllocationCounter {
 public:
  AllocationCounter() {
    const std::string path = folder_.write("count", std::string(2 * sizeof(std::uint64_t), '\0'));
    const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    void* const shared =
        ::mmap(nullptr, 2 * sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    if (shared == MAP_FAILED) give_up("cannot map {}", path);
    both_ = static_cast<std::atomic<std::uint64_t>*>(shared);
    ::setenv("OUTRIGGER_ALLOCATIONS", path.c_str(), 1);
    ::setenv("LD_PRELOAD", OUTRIGGER_ALLOCATION_COUNTER, 1);
  }
  ~AllocationCounter() {
    ::unsetenv("LD_PRELOAD");
    ::unsetenv("OUTRIGGER_ALLOCATIONS");
    ::munmap(both_, 2 * sizeof(std::uint64_t));
  }
  [[nodiscard]] std::uint64_t count() const { return both_[0]; }
  // Call stacks to the proxy's stderr, to find out where.
  void trace(bool on) { both_[1] = on ? 1 : 0; }

 private:
  TemporaryFolder folder_;
  std::atomic<std::uint64_t>* both_ = nullptr;
};

class Allocations : public Scenario {
 protected:
  void SetUp() override {
#ifdef OUTRIGGER_TESTS_ARE_SANITIZED
    if (std::getenv("OUTRIGGER_BINARY") == nullptr)
      GTEST_SKIP() << "sanitizers have their own heap";
#endif
  }
  AllocationCounter counter;
};
INSTANTIATE_TEST_SUITE_P(, Allocations, ::testing::ValuesIn(kAllProtocols), protocols_name);

TEST_P(Allocations, AnEventOfARunningStreamTakesNothingFromTheHeap) {
  upstream.expect("POST /p").manually();
  serve(std::string("use: openai, expected_version: none, ") + kThreeAttempts);
  const std::string event =
      "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" token\"}}]}\n\n";
  Client one = client();
  const auto call = one.begin(llm_request("/up/p"));
  const Held served = upstream.accept();
  served->start(200, {{"content-type", "text/event-stream"}});
  const auto pass = [&](int events) {
    for (int i = 0; i < events; ++i) {
      served->send(event);
      EXPECT_EQ(call->read_exactly(event.size()), event);
    }
  };
  pass(200);
  const std::uint64_t before = counter.count();
  ASSERT_GT(before, 0u) << "nothing is counted";
  constexpr int kEvents = 2000;
  counter.trace(std::getenv("OUTRIGGER_TRACE") != nullptr);
  pass(kEvents);
  counter.trace(false);
  const std::uint64_t taken = counter.count() - before;
  // From time to time a window of HTTP/2 is given back, in a frame that nghttp2 makes.
  EXPECT_LE(taken, kEvents / 100) << taken << " in " << kEvents << " events";
  served->send("data: [DONE]\n\n");
  served->finish();
  EXPECT_TRUE(call->read_all().complete);
}

}  // namespace
}  // namespace outrigger::test
