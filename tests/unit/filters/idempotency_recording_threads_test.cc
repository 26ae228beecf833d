// A recording whose writer and readers are on different threads.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "filters/recording/recording.h"
#include "proxy/runtime/event_loop.h"
#include "proxy/runtime/frame_pool.h"
#include "tests/unit/filters/recording_fixture.h"

namespace outrigger::filters {
namespace {

// Writes as fast as the slower of two threads reads, at most a window ahead.
class Writer {
 public:
  Writer(std::shared_ptr<Recording> recording, EventLoop& loop, std::string_view bytes,
         std::array<std::atomic<std::uint64_t>, 2>& read)
      : recording_(std::move(recording)), loop_(loop), bytes_(bytes), read_(read) {}
  void write() {
    if (written_ == 0) recording_->begin(kHead);
    while (written_ < bytes_.size() && written_ < std::min(read_[0], read_[1]) + kWindow) {
      const std::string_view piece = bytes_.substr(written_, 1 + random_() % 20'000);
      recording_->append(piece);
      written_ += piece.size();
    }
    if (written_ < bytes_.size()) {
      std::this_thread::yield();
      return loop_.post([this] { write(); });
    }
    recording_->finish();
    loop_.stop();
  }

 private:
  static constexpr std::uint64_t kWindow = 300'000;
  std::shared_ptr<Recording> recording_;
  EventLoop& loop_;
  std::string_view bytes_;
  std::array<std::atomic<std::uint64_t>, 2>& read_;
  std::uint64_t written_ = 0;
  std::mt19937_64 random_{11};
};

// A worker with ten clients. The first is there from the beginning to the end, and makes the others
// come and go when it has got as far as the plan says.
class Worker {
 public:
  Worker(std::shared_ptr<Recording> recording, std::string_view bytes,
         std::atomic<std::uint64_t>& read, std::uint64_t seed)
      : recording_(std::move(recording)), bytes_(bytes), read_(read), random_(seed) {}

  void run() {
    for (int i = 0; i < kClients; ++i) seats_.emplace_back(loop_);
    for (int i = 1; i < kClients; ++i) plan(i);
    std::ranges::sort(steps_, {}, &Step::at);
    start(0);
    loop_.run();
    int whole = 0;
    for (const Seat& seat : seats_) whole += seat.client.end == "whole" ? 1 : 0;
    EXPECT_EQ(whole, kClients - 6) << "of each kind that leaves, three";
    seats_.clear();
    EXPECT_EQ(wrong_, 0);
    EXPECT_EQ(FramePool::live(), 0u);
    EXPECT_EQ(Block::live(), 0u);
    recording_.reset();
  }

 private:
  static constexpr int kClients = 10;
  struct Seat {
    explicit Seat(EventLoop& loop) : client(loop) {}
    Client client;
    std::uint64_t got = 0;
  };
  struct Step {
    std::uint64_t at;
    std::function<void()> act;
  };

  void plan(int i) {
    const std::uint64_t comes = random_() % (bytes_.size() / 2);
    const std::uint64_t goes = comes + random_() % (bytes_.size() / 2);
    steps_.push_back({comes, [this, i] { start(i); }});
    if (i % 3 == 1) steps_.push_back({goes, [this, i] { seat(i).client.leave(); }});
    if (i % 3 == 2) steps_.push_back({goes, [this, i] { seat(i).client.scope.cancel({}); }});
  }
  Seat& seat(int i) { return *std::next(seats_.begin(), i); }
  void start(int i) {
    Seat& its = seat(i);
    its.client.on_piece = [this, &its, i](std::string_view piece) {
      if (bytes_.substr(its.got, piece.size()) != piece) ++wrong_;
      its.got += piece.size();
      if (i == 0) lead(its.got);
    };
    its.client.tasks->on_empty([this] {
      const bool all = std::ranges::all_of(
          seats_, [](const Seat& one) { return !one.client.tasks || one.client.end != "waits"; });
      if (all) loop_.stop();
    });
    its.client.tasks->spawn(read_answer(Recording::Reader(recording_, loop_), its.client));
  }
  void lead(std::uint64_t got) {
    for (; next_ < steps_.size() && steps_[next_].at <= got; ++next_) steps_[next_].act();
    read_ = got;
  }

  EventLoop loop_;
  std::shared_ptr<Recording> recording_;
  std::string_view bytes_;
  std::atomic<std::uint64_t>& read_;
  std::mt19937_64 random_;
  std::vector<Step> steps_;
  std::size_t next_ = 0;
  int wrong_ = 0;
  std::list<Seat> seats_;
};

TEST(RecordingThreads, ReadersOfOtherWorkersGetEveryByteWhoeverLeaves) {
  const std::string bytes = random_bytes(20'000'000, 7);
  std::array<std::atomic<std::uint64_t>, 2> read{};
  EventLoop home;
  auto recording = std::make_shared<Recording>(home);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < read.size(); ++i) {
    threads.emplace_back([&, i, recording] {
      auto worker = std::make_unique<Worker>(recording, bytes, read[i], i);
      worker->run();
    });
  }
  Writer writer(std::move(recording), home, bytes, read);
  home.post([&] { writer.write(); });
  home.run();
  for (std::thread& thread : threads) thread.join();
}

TEST(RecordingThreads, TheLastReaderOfAnotherWorkerTellsTheWriter) {
  EventLoop home;
  auto recording = std::make_shared<Recording>(home);
  recording->begin(kHead);
  int calls = 0;
  recording->on_unread([&] {
    if (++calls < 100) return;
    recording->fail(kReset);
    home.stop();
  });
  std::thread other([recording] {
    EventLoop away;
    std::string end;
    while (end.empty()) {
      Client client(away);
      client.tasks->spawn(read_answer(Recording::Reader(recording, away), client));
      if (client.end != "waits") end = client.end;
    }
    EXPECT_EQ(end, "http_response_incomplete");
  });
  home.run();
  other.join();
  EXPECT_EQ(calls, 100);
}

}  // namespace
}  // namespace outrigger::filters
