#include "filters/recording/recording.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/runtime/frame_pool.h"
#include "tests/unit/filters/recording_fixture.h"

namespace outrigger::filters {
namespace {

// A loop that does what it was given when it is told to, and counts what another has posted.
class ManualLoop final : public Dispatcher {
 public:
  [[nodiscard]] TimePoint fresh_now() noexcept override { return now_; }
  void post(std::function<void()> work) override {
    ++posts;
    defer(std::move(work));
  }
  void run() { turn(); }
  int posts = 0;

 private:
  void wake_at(TimePoint) noexcept override {}
};

// One read: its bytes, or why there are none.
Task<void> read_once(http::BodySource& body, CancelScope& scope, std::optional<std::string>& out) {
  const Result<Slice> piece = co_await body.read(scope);
  out = piece ? std::string(piece->view()) : std::string(piece.error().reason);
}

class RecordingTest : public ::testing::Test {
 protected:
  ~RecordingTest() override {
    run();
    clients_.clear();
    run();
    EXPECT_EQ(recording_->readers(), 0u);
    recording_.reset();
    EXPECT_EQ(FramePool::live(), 0u);
    EXPECT_EQ(Block::live(), 0u);
  }
  // All that is on its way arrives.
  void run() {
    for (int i = 0; i < 3; ++i) {
      home_.run();
      away_.run();
    }
  }
  Client& join(Dispatcher& loop) { return start(clients_.emplace_back(loop), loop); }
  // Reads a piece at each notification of its pace.
  Client& join_paced(Dispatcher& loop) {
    Client& client = clients_.emplace_back(loop);
    client.pace.emplace();
    return start(client, loop);
  }
  Client& start(Client& client, Dispatcher& loop) {
    client.tasks->spawn(read_answer(Recording::Reader(recording_, loop), client));
    return client;
  }
  void append_in_pieces(std::string_view bytes, std::size_t size) {
    for (; !bytes.empty(); bytes.remove_prefix(std::min(size, bytes.size()))) {
      recording_->append(bytes.substr(0, size));
    }
  }

  ManualLoop home_;  // the writer's
  ManualLoop away_;
  std::shared_ptr<Recording> recording_ = std::make_shared<Recording>(home_);
  std::list<Client> clients_;
};

TEST_F(RecordingTest, ALateReaderGetsWhatThereIsAndThenWhatComes) {
  const std::string bytes = random_bytes(500'000, 1);
  Client& first = join(home_);
  recording_->begin(kHead);
  append_in_pieces(std::string_view(bytes).substr(0, 300'000), 7'001);
  run();
  Client& second = join(home_);
  Client& third = join(away_);
  EXPECT_EQ(second.bytes, bytes.substr(0, 300'000)) << "at full speed";
  for (std::size_t at = 300'000; at < bytes.size(); at += 1'000) {
    recording_->append(std::string_view(bytes).substr(at, 1'000));
    run();
    ASSERT_EQ(third.bytes.size(), at + 1'000);
  }
  recording_->finish();
  run();
  for (const Client& client : clients_) {
    EXPECT_EQ(client.head, kHead);
    EXPECT_TRUE(client.bytes == bytes);
    EXPECT_EQ(client.end, "whole");
    EXPECT_LE(client.largest, Recording::kChunkBytes);
  }
  EXPECT_EQ(first.bytes, recording_->copy(0, bytes.size()));
}

// RFC 9110 15.2: whoever stands between forwards interim responses.
TEST_F(RecordingTest, InterimResponsesReachWhoeverWaitsForTheHead) {
  const Client& near = join(home_);
  const Client& far = join(away_);
  recording_->interim({.status = 102, .fields = {}, .length = {}});
  run();
  EXPECT_EQ(near.interims, std::vector{102});
  EXPECT_EQ(far.interims, std::vector{102});
  recording_->interim({.status = 103, .fields = {}, .length = {}});
  recording_->begin(kHead);
  run();
  EXPECT_EQ(near.interims, (std::vector{102, 103}));
  EXPECT_EQ(near.head, kHead);
  recording_->finish();
  run();
}

TEST_F(RecordingTest, ASlowReaderHoldsUpNobody) {
  const std::string bytes = random_bytes(1'000'000, 2);
  Client& slow = join_paced(away_);
  Client& fast = join(away_);
  recording_->begin(kHead);
  append_in_pieces(bytes, 100'000);
  recording_->finish();
  run();
  EXPECT_TRUE(fast.bytes == bytes);
  EXPECT_EQ(fast.end, "whole");
  EXPECT_EQ(slow.bytes, "");
  for (int i = 0; i < 100; ++i) slow.pace->notify();
  EXPECT_TRUE(slow.bytes == bytes);
  EXPECT_EQ(slow.end, "whole");
}

TEST_F(RecordingTest, AnyPartCanBeCopiedAtAnyTime) {
  const std::string bytes = random_bytes(200'000, 3);
  recording_->begin(kHead);
  EXPECT_EQ(recording_->copy(0, 10), "");
  append_in_pieces(bytes, 10'007);
  EXPECT_EQ(recording_->bytes(), bytes.size());
  EXPECT_EQ(recording_->copy(0, 0), "");
  EXPECT_TRUE(recording_->copy(4'000, 150'000) == bytes.substr(4'000, 150'000));
  EXPECT_TRUE(recording_->copy(190'000, bytes.size()) == bytes.substr(190'000));
  EXPECT_EQ(recording_->copy(200'000, 1), "");
  const std::string_view before = recording_->at(100);
  recording_->append("more");
  EXPECT_EQ(recording_->at(100).data(), before.data()) << "what was written does not move";
  recording_->finish();
}

TEST_F(RecordingTest, AnAnswerOfKnownLengthLiesTogetherAsFarAsAChunkGoes) {
  recording_->begin({200, {}, 70'000});
  append_in_pieces(std::string(70'000, 'a'), 999);
  EXPECT_EQ(recording_->at(0).size(), Recording::kChunkBytes);
  EXPECT_EQ(recording_->at(Recording::kChunkBytes).size(), 70'000 - Recording::kChunkBytes);
  recording_->finish();
}

TEST_F(RecordingTest, FailureBeforeTheHeadIsTheAnswerOfEveryReader) {
  Client& early = join(away_);
  recording_->fail(kReset);
  run();
  Client& late = join(home_);
  EXPECT_EQ(early.end, "http_response_incomplete");
  EXPECT_EQ(late.end, "http_response_incomplete");
  EXPECT_FALSE(late.head);
}

TEST_F(RecordingTest, FailureComesAfterAllBytesBeforeIt) {
  Client& early = join(away_);
  recording_->begin(kHead);
  recording_->append("half of ");
  run();
  recording_->append("it");
  recording_->fail(kReset);
  recording_->fail({Errc::kInternal, Origin::kProxy, Phase::kNoConnection, "of a guard"});
  run();
  Client& late = join(away_);
  for (const Client* client : {&early, &late}) {
    EXPECT_EQ(client->head, kHead);
    EXPECT_EQ(client->bytes, "half of it");
    EXPECT_EQ(client->end, "http_response_incomplete");
  }
}

TEST_F(RecordingTest, AnEmptyAnswerHasAHeadAndAnEnd) {
  Client& client = join(away_);
  recording_->begin({204, {}, 0});
  recording_->append("");
  recording_->finish();
  run();
  ASSERT_TRUE(client.head);
  EXPECT_EQ(client.head->status, 204);
  EXPECT_EQ(client.head->length, 0u);
  EXPECT_EQ(client.bytes, "");
  EXPECT_EQ(client.end, "whole");
}

TEST_F(RecordingTest, TrailersComeWithTheEnd) {
  Client& early = join(away_);
  recording_->begin(kHead);
  recording_->append("body");
  run();
  recording_->finish({{"grpc-status", "0"}, {"x-sum", "4"}});
  run();
  Client& late = join(home_);
  EXPECT_EQ(early.trailers, "grpc-status=0;x-sum=4;");
  EXPECT_EQ(late.trailers, "grpc-status=0;x-sum=4;");
}

TEST_F(RecordingTest, ABodyMayBeginAnywhere) {
  recording_->begin(kHead);
  recording_->append("0123456789");
  Client& resumed = clients_.emplace_back(away_);
  Client& ahead = clients_.emplace_back(away_);
  resumed.tasks->spawn(read_body(Recording::Reader(recording_, away_).body(4), resumed));
  ahead.tasks->spawn(read_body(Recording::Reader(recording_, away_).body(12), ahead));
  EXPECT_EQ(resumed.bytes, "456789");
  recording_->append("ab");
  run();
  EXPECT_EQ(ahead.bytes, "");
  recording_->append("cd");
  recording_->finish();
  run();
  EXPECT_EQ(resumed.bytes, "456789abcd");
  EXPECT_EQ(ahead.bytes, "cd");
  EXPECT_EQ(ahead.end, "whole");
}

TEST_F(RecordingTest, OnlyWhoWaitsOnAnotherLoopIsPostedToAndOnceAWait) {
  Client& far = join_paced(away_);
  Client& near = join(home_);
  recording_->begin(kHead);
  EXPECT_EQ(away_.posts, 1);
  run();
  recording_->append("nobody of the other loop waits");
  EXPECT_EQ(away_.posts, 1);
  far.pace->notify();  // for what is there
  far.pace->notify();  // for what is not
  recording_->append("now one does");
  recording_->append("and knows already");
  EXPECT_EQ(away_.posts, 2);
  run();
  recording_->finish();
  run();
  EXPECT_EQ(home_.posts, 0) << "the writer's own readers";
  EXPECT_EQ(near.end, "whole");
}

TEST_F(RecordingTest, NoReaderRunsWithinTheWriter) {
  Client& near = join(home_);
  recording_->begin(kHead);
  recording_->append("bytes");
  recording_->finish();
  EXPECT_FALSE(near.head);
  run();
  EXPECT_EQ(near.bytes, "bytes");
}

TEST_F(RecordingTest, ReadyIsWhetherAReadReturnsAtOnce) {
  recording_->begin(kHead);
  const auto body = Recording::Reader(recording_, away_).body();
  CancelScope scope;
  TaskGroup tasks(away_);
  std::optional<std::string> read;
  const auto reads_at_once = [&] {
    read.reset();
    tasks.spawn(read_once(*body, scope, read));
    return read.has_value();
  };
  EXPECT_FALSE(body->ready());
  EXPECT_FALSE(reads_at_once());
  recording_->append("a");
  EXPECT_TRUE(body->ready());
  run();
  EXPECT_EQ(read, "a");
  EXPECT_FALSE(body->ready());
  recording_->append("b");
  EXPECT_TRUE(body->ready());
  EXPECT_TRUE(reads_at_once());
  EXPECT_FALSE(body->ready());
  recording_->finish();
  EXPECT_TRUE(body->ready());
  EXPECT_TRUE(reads_at_once());
  EXPECT_EQ(read, "");
  run();
}

TEST_F(RecordingTest, ACancelledReadCanBeRepeated) {
  recording_->begin(kHead);
  const auto body = Recording::Reader(recording_, away_).body();
  CancelScope first;
  CancelScope second;
  TaskGroup tasks(away_);
  std::optional<std::string> read;
  tasks.spawn(read_once(*body, first, read));
  recording_->append("on its way");
  first.cancel(kClientGone);
  EXPECT_EQ(read, "client_gone");
  tasks.spawn(read_once(*body, first, read));
  EXPECT_EQ(read, "client_gone");
  tasks.spawn(read_once(*body, second, read));
  EXPECT_EQ(read, "on its way");
  read.reset();
  tasks.spawn(read_once(*body, second, read));
  run();
  EXPECT_FALSE(read) << "woken by what came for the first read";
  recording_->append("b");
  run();
  EXPECT_EQ(read, "b");
  recording_->finish();
}

TEST_F(RecordingTest, AReadRepeatedBeforeAnythingCameIsWokenOnce) {
  recording_->begin(kHead);
  const auto body = Recording::Reader(recording_, away_).body();
  CancelScope first;
  CancelScope second;
  TaskGroup tasks(away_);
  std::optional<std::string> read;
  tasks.spawn(read_once(*body, first, read));
  first.cancel(kClientGone);
  tasks.spawn(read_once(*body, second, read));
  recording_->append("bytes");
  EXPECT_EQ(away_.posts, 1);
  run();
  EXPECT_EQ(read, "bytes");
  recording_->finish();
}

TEST_F(RecordingTest, AReaderCancelledWhileItWaitsGetsNoMore) {
  Client& headless = join(away_);
  headless.scope.cancel(kClientGone);
  EXPECT_EQ(headless.end, "client_gone");
  Client& client = join(away_);
  recording_->begin(kHead);
  run();
  client.scope.cancel(kClientGone);
  EXPECT_EQ(client.end, "client_gone");
  EXPECT_EQ(recording_->readers(), 0u);
  recording_->append("bytes");
  recording_->finish();
  run();
  EXPECT_EQ(client.bytes, "");
}

TEST_F(RecordingTest, AReaderMayGoWithAWakeUpOnItsWay) {
  Client& for_head = join(away_);
  recording_->begin(kHead);
  for_head.leave();
  Client& for_bytes = join(away_);
  run();
  recording_->append("bytes");
  for_bytes.leave();
  Client& for_end = join(home_);
  recording_->finish();
  for_end.leave();
  EXPECT_EQ(recording_->readers(), 0u);
  run();
  EXPECT_EQ(for_bytes.bytes, "");
}

TEST_F(RecordingTest, AWokenReaderMaySendAwayOthersThatWereWokenWithIt) {
  Client& first = join(away_);
  Client& second = join(away_);
  recording_->begin(kHead);
  run();
  first.on_piece = [&](std::string_view) { second.leave(); };
  recording_->append("bytes");
  recording_->finish();
  run();
  EXPECT_EQ(first.end, "whole");
  EXPECT_EQ(second.bytes, "");
}

TEST_F(RecordingTest, ReadersThatAreThereKeepItAlive) {
  auto recording = std::make_shared<Recording>(home_);
  const std::weak_ptr<Recording> watch = recording;
  Client& client = clients_.emplace_back(away_);
  client.tasks->spawn(read_answer(Recording::Reader(recording, away_), client));
  recording->begin(kHead);
  recording->append("bytes");
  recording->finish();
  recording.reset();
  run();
  EXPECT_EQ(client.bytes, "bytes");
  EXPECT_TRUE(watch.expired());
}

TEST_F(RecordingTest, TheWriterHearsEachTimeTheLastReaderHasGone) {
  int calls = 0;
  recording_->on_unread([&] { ++calls; });
  Client& near = join(home_);
  Client& far = join(away_);
  EXPECT_EQ(recording_->readers(), 2u);
  recording_->begin(kHead);
  run();
  near.leave();
  run();
  EXPECT_EQ(calls, 0);
  far.leave();
  EXPECT_EQ(calls, 0) << "from its loop only";
  EXPECT_EQ(home_.posts, 1);
  run();
  EXPECT_EQ(calls, 1);
  Client& again = join(home_);
  again.leave();
  EXPECT_EQ(home_.posts, 1);
  run();
  EXPECT_EQ(calls, 2);
  recording_->finish();
  join(away_);
  EXPECT_EQ(recording_->readers(), 0u);
  run();
  EXPECT_EQ(calls, 2) << "it is over";
}

TEST_F(RecordingTest, TheWriterHearsNothingWhenAnotherReaderHasComeMeanwhile) {
  int calls = 0;
  recording_->on_unread([&] { ++calls; });
  join(away_).leave();
  Client& next = join(away_);
  run();
  EXPECT_EQ(calls, 0);
  next.leave();
  join(away_).leave();
  run();
  EXPECT_EQ(calls, 1);
  join(away_).leave();
  recording_->fail(kReset);
  run();
  EXPECT_EQ(calls, 1);
}

TEST_F(RecordingTest, TheWriterMayEndItWhenItHears) {
  recording_->on_unread([this, kept = std::string("of the callback, which goes")] {
    recording_->fail(kReset);
    EXPECT_EQ(kept, "of the callback, which goes");
  });
  join(away_).leave();
  run();
  EXPECT_EQ(join(home_).end, "http_response_incomplete");
}

}  // namespace
}  // namespace outrigger::filters
