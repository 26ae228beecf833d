#include "proxy/net/stream.h"

#include <string>
#include <vector>

#include "tests/unit/net/net_test.h"

namespace outrigger::test {
namespace {

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 + i / 251);
  return text;
}

Task<Result<std::string>> read_all(Stream& stream, CancelScope& scope) {
  std::string all;
  for (;;) {
    CO_TRY(const Slice piece, co_await stream.read(scope, 10s));
    if (piece.empty()) co_return all;
    all += piece.view();
  }
}

Task<Status> write_and_finish(Stream& stream, std::string_view bytes, CancelScope& scope) {
  CO_TRY(co_await stream.write(bytes, scope, 10s));
  co_return co_await stream.finish(scope);
}

class StreamTest : public NetTest {
 protected:
  void send_raw(const Fd& fd, std::string_view bytes) {
    ASSERT_EQ(::write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  // Closes with RST instead of FIN.
  void reset(Fd fd) {
    const linger now{1, 0};
    setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
};

TEST_F(StreamTest, ReadsWhatIsThereThenTheEnd) {
  FdPair pair = tcp_pair();
  Stream stream(loop, std::move(pair.first), Origin::kUpstream);
  send_raw(pair.second, "hello");
  EXPECT_EQ(run(stream.read(scope))->view(), "hello");
  pair.second.reset();
  EXPECT_EQ(run(stream.read(scope))->view(), "");
  EXPECT_EQ(run(stream.read(scope))->view(), "") << "the end stays the end";
  EXPECT_TRUE(stream.peer_closed());
  EXPECT_EQ(stream.bytes_read(), 5u);
}

TEST_F(StreamTest, ReadsBytesThatArriveTogetherWithTheEnd) {
  FdPair pair = tcp_pair();
  Stream stream(loop, std::move(pair.first), Origin::kUpstream);
  send_raw(pair.second, "last");
  pair.second.reset();
  EXPECT_EQ(run(read_all(stream, scope)), "last");
}

TEST_F(StreamTest, WaitsForBytesThatComeLater) {
  FdPair pair = local_pair();
  Stream stream(loop, std::move(pair.first), Origin::kClient);
  const auto pending = start(stream.read(scope));
  turn();
  EXPECT_FALSE(pending->has_value());
  send_raw(pair.second, "x");
  EXPECT_EQ(await(pending)->view(), "x");
  const auto more = start(stream.read(scope));
  turn();
  EXPECT_FALSE(more->has_value());
  send_raw(pair.second, "y");
  EXPECT_EQ(await(more)->view(), "y");
}

TEST_F(StreamTest, PutsUnreadBytesInFront) {
  FdPair pair = local_pair();
  Stream stream(loop, std::move(pair.first), Origin::kClient);
  send_raw(pair.second, "three");
  stream.unread(Slice::literal("two"));
  stream.unread(Slice::literal("one"));
  EXPECT_TRUE(stream.readable());
  EXPECT_EQ(run(stream.read(scope))->view(), "onetwo");
  EXPECT_EQ(run(stream.read(scope))->view(), "three");
}

TEST_F(StreamTest, WritesPiecesInOrderHoweverSmallTheSocket) {
  FdPair pair = tcp_pair(4096);
  Stream left(loop, std::move(pair.first), Origin::kUpstream);
  Stream right(loop, std::move(pair.second), Origin::kClient);
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < 40; ++i) parts.push_back(i % 7 == 0 ? "" : pattern(i * 997));
  std::string expected;
  std::vector<std::string_view> pieces;
  for (const std::string& part : parts) {
    expected += part;
    pieces.emplace_back(part);
  }
  const auto received = start(read_all(right, scope));
  EXPECT_TRUE(run(left.write(std::span(pieces), scope)));
  EXPECT_TRUE(run(left.finish(scope)));
  EXPECT_EQ(await(received), expected);
  EXPECT_EQ(left.bytes_written(), expected.size());
}

TEST_F(StreamTest, CarriesMuchBothWaysAtOnce) {
  FdPair pair = tcp_pair(8192);
  Stream left(loop, std::move(pair.first), Origin::kUpstream);
  Stream right(loop, std::move(pair.second), Origin::kClient);
  const std::string there = pattern(3'000'000);
  const std::string back = pattern(2'000'001);
  const auto at_right = start(read_all(right, scope));
  const auto at_left = start(read_all(left, scope));
  const auto wrote_left = start(write_and_finish(left, there, scope));
  const auto wrote_right = start(write_and_finish(right, back, scope));
  EXPECT_EQ(await(at_right), there);
  EXPECT_EQ(await(at_left), back);
  EXPECT_TRUE(await(wrote_left));
  EXPECT_TRUE(await(wrote_right));
}

TEST_F(StreamTest, AfterOurEndThePeerMayGoOn) {
  FdPair pair = tcp_pair();
  Stream left(loop, std::move(pair.first), Origin::kUpstream);
  Stream right(loop, std::move(pair.second), Origin::kClient);
  EXPECT_TRUE(run(write_and_finish(left, "question", scope)));
  EXPECT_EQ(run(read_all(right, scope)), "question");
  EXPECT_TRUE(run(write_and_finish(right, "answer", scope)));
  EXPECT_EQ(run(read_all(left, scope)), "answer");
}

TEST_F(StreamTest, CancellationEndsAWaitAndLaterCalls) {
  FdPair pair = local_pair();
  Stream stream(loop, std::move(pair.first), Origin::kClient);
  CancelScope cancelled;
  const auto reading = start(stream.read(cancelled, 1h));
  cancelled.cancel({Errc::kCancelled, Origin::kClient, "client_gone"});
  EXPECT_EQ(await(reading).error().reason, "client_gone");
  send_raw(pair.second, "x");
  EXPECT_EQ(run(stream.read(cancelled)).error().reason, "client_gone");
  EXPECT_EQ(run(stream.write("x", cancelled)).error().reason, "client_gone");
  EXPECT_EQ(run(stream.read(scope))->view(), "x") << "nothing was lost";
}

TEST_F(StreamTest, TimesOutOnSilenceAndNamesTheDirection) {
  FdPair pair = tcp_pair(4096);
  Stream stream(loop, std::move(pair.first), Origin::kUpstream);
  const Result<Slice> nothing = run(stream.read(scope, 2ms));
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, Errc::kTimeout);
  EXPECT_EQ(nothing.error().origin, Origin::kUpstream);
  EXPECT_EQ(nothing.error().reason, "connection_read_timeout");
  const std::string much = pattern(8'000'000);
  const Status stuck = run(stream.write(much, scope, 2ms));
  ASSERT_FALSE(stuck);
  EXPECT_EQ(stuck.error().reason, "connection_write_timeout");
}

TEST_F(StreamTest, AResetIsAnErrorToReaderAndWriter) {
  FdPair pair = tcp_pair();
  Stream stream(loop, std::move(pair.first), Origin::kUpstream);
  const auto reading = start(stream.read(scope));
  reset(std::move(pair.second));
  EXPECT_EQ(await(reading).error().code, Errc::kReset);
  EXPECT_TRUE(stream.peer_closed());
  EXPECT_EQ(run(stream.read(scope)).error().code, Errc::kReset) << "never a clean end";
  EXPECT_EQ(run(stream.write("x", scope)).error().code, Errc::kReset);
}

// The reset comes in one event with the last bytes: no further edge tells of it.
TEST_F(StreamTest, AResetBehindUnreadBytesIsNotMissed) {
  FdPair pair = tcp_pair();
  Stream stream(loop, std::move(pair.first), Origin::kUpstream);
  turn();
  send_raw(pair.second, "partial");
  reset(std::move(pair.second));
  EXPECT_EQ(run(stream.read(scope))->view(), "partial");
  EXPECT_EQ(run(stream.read(scope)).error().code, Errc::kReset);
}

// The kernel tells of a reset once; when the writer hears it, the reader must not see a clean end.
TEST_F(StreamTest, AResetHeardByTheWriterIsNoCleanEndForTheReader) {
  FdPair pair = tcp_pair();
  Stream stream(loop, std::move(pair.first), Origin::kUpstream);
  send_raw(pair.second, "partial");
  reset(std::move(pair.second));
  EXPECT_EQ(run(stream.write("x", scope)).error().code, Errc::kReset);
  EXPECT_EQ(run(stream.read(scope))->view(), "partial");
  EXPECT_EQ(run(stream.read(scope)).error().code, Errc::kReset);
}

TEST_F(StreamTest, AbortOnCloseResetsThePeer) {
  FdPair pair = tcp_pair();
  {
    Stream stream(loop, std::move(pair.first), Origin::kClient);
    stream.abort_on_close();
  }
  char byte = 0;
  EXPECT_EQ(::recv(pair.second.get(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(StreamTest, TellsAnIdleObserverOfTheClose) {
  FdPair pair = tcp_pair();
  Stream stream(loop, std::move(pair.first), Origin::kClient);
  int told = 0;
  stream.observe(Stream::Watch::kClose, [&] { ++told; });
  send_raw(pair.second, "bytes alone are no close");
  turn();
  turn();
  EXPECT_EQ(told, 0);
  pair.second.reset();
  run_until([&] { return told > 0; });
  turn();
  EXPECT_EQ(told, 1);
}

TEST_F(StreamTest, TellsAnIdleObserverOfAReset) {
  FdPair pair = tcp_pair();
  Stream stream(loop, std::move(pair.first), Origin::kClient);
  int told = 0;
  stream.observe(Stream::Watch::kClose, [&] { ++told; });
  turn();
  send_raw(pair.second, "unread");
  reset(std::move(pair.second));
  run_until([&] { return told > 0; });
  EXPECT_TRUE(stream.peer_closed());
}

TEST_F(StreamTest, TellsAnObserverOfACloseThatCameBefore) {
  FdPair pair = tcp_pair();
  Stream stream(loop, std::move(pair.first), Origin::kClient);
  send_raw(pair.second, "request");
  pair.second.reset();
  EXPECT_EQ(run(stream.read(scope))->view(), "request");
  run_until([&] { return stream.peer_closed(); });
  int told = 0;
  stream.observe(Stream::Watch::kClose, [&] { ++told; });
  EXPECT_EQ(told, 0) << "never inside observe()";
  run_until([&] { return told > 0; });
}

TEST_F(StreamTest, TellsAPoolOfUnexpectedBytes) {
  FdPair pair = tcp_pair();
  Stream stream(loop, std::move(pair.first), Origin::kUpstream);
  int told = 0;
  stream.observe(Stream::Watch::kAnyEvent, [&] { ++told; });
  turn();
  EXPECT_EQ(told, 0);
  send_raw(pair.second, "x");
  run_until([&] { return told > 0; });
  EXPECT_EQ(run(stream.read(scope))->view(), "x") << "they are not lost";
}

TEST_F(StreamTest, AnObserverIsNotToldWhileSomebodyReads) {
  FdPair pair = tcp_pair();
  Stream stream(loop, std::move(pair.first), Origin::kUpstream);
  int told = 0;
  stream.observe(Stream::Watch::kAnyEvent, [&] { ++told; });
  const auto reading = start(stream.read(scope));
  send_raw(pair.second, "x");
  EXPECT_EQ(await(reading)->view(), "x");
  EXPECT_EQ(told, 0);
}

TEST_F(StreamTest, MayBeDestroyedByItsObserver) {
  FdPair pair = tcp_pair();
  auto stream = std::make_unique<Stream>(loop, std::move(pair.first), Origin::kUpstream);
  stream->observe(Stream::Watch::kClose, [&] { stream.reset(); });
  pair.second.reset();
  run_until([&] { return stream == nullptr; });
}

TEST_F(StreamTest, MayBeDestroyedBeforeAPostedNotification) {
  FdPair pair = tcp_pair();
  auto stream = std::make_unique<Stream>(loop, std::move(pair.first), Origin::kUpstream);
  pair.second.reset();
  run_until([&] { return stream->peer_closed(); });
  stream->observe(Stream::Watch::kClose, [] { FAIL() << "the stream is gone"; });
  stream.reset();
  turn();
}

// Both ends wait when the group, and then the streams, go: nothing may be touched afterwards.
TEST_F(StreamTest, TearsDownUnderSuspendedReaderAndWriter) {
  FdPair pair = tcp_pair(4096);
  const std::string much = pattern(8'000'000);
  auto group = std::make_unique<TaskGroup>(loop);
  auto stream = std::make_unique<Stream>(loop, std::move(pair.first), Origin::kClient);
  std::optional<Result<Slice>> read;
  std::optional<Status> written;
  group->spawn(keep_result(stream->read(scope, 1h), read));
  group->spawn(keep_result(stream->write(much, scope, 1h), written));
  turn();
  stream.reset();  // the wrong order, which a tear-down may take
  group.reset();
  EXPECT_FALSE(read || written);
}

// A descriptor closed and another opened under its number inside one turn, as connections come and
// go.
TEST_F(StreamTest, ASuccessorUnderTheSameDescriptorNumberIsServed) {
  for (int round = 0; round < 3; ++round) {
    FdPair old = tcp_pair();
    auto stream = std::make_unique<Stream>(loop, std::move(old.first), Origin::kClient);
    turn();
    const int number = stream->fd();
    stream.reset();
    FdPair pair = tcp_pair();
    Fd same(::dup3(pair.first.get(), number, O_CLOEXEC));
    if (pair.first.get() == number) same = std::move(pair.first);
    Stream next(loop, std::move(same), Origin::kClient);
    send_raw(pair.second, "x");
    EXPECT_EQ(run(next.read(scope, 5s))->view(), "x");
  }
}

Task<Result<std::string>> count_reads(Stream& stream, CancelScope& scope, std::size_t& reads) {
  std::string all;
  for (;;) {
    CO_TRY(const Slice piece, co_await stream.read(scope));
    if (piece.empty()) co_return all;
    all += piece.view();
    ++reads;
  }
}

TEST_F(StreamTest, AFastStreamLetsOthersHaveTheirTurn) {
  // Packets, so that a read takes one of them however many wait.
  std::array<int, 2> fds{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
  Stream stream(loop, Fd(fds[0]), Origin::kUpstream);
  Fd sender(fds[1]);
  for (int i = 0; i < 40; ++i) send_raw(sender, "x");
  sender.reset();
  run_until([&] { return stream.peer_closed(); });
  std::size_t reads = 0;
  const auto all = start(count_reads(stream, scope, reads));
  EXPECT_GT(reads, 0u);
  EXPECT_LT(reads, 40u) << "the loop had no turn";
  EXPECT_EQ(await(all)->size(), 40u);
}

TEST_F(StreamTest, CountsWhatThePeersKernelHas) {
  FdPair pair = tcp_pair();
  Stream active(loop, std::move(pair.first), Origin::kUpstream);
  Stream passive(loop, std::move(pair.second), Origin::kClient);
  EXPECT_EQ(active.bytes_acknowledged(), 0u);
  EXPECT_EQ(passive.bytes_acknowledged(), 0u);
  EXPECT_TRUE(run(active.write("12345", scope)));
  EXPECT_EQ(run(passive.read(scope))->view(), "12345");
  EXPECT_TRUE(run(passive.write("1", scope)));  // carries the acknowledgement
  EXPECT_EQ(run(active.read(scope))->view(), "1");
  EXPECT_EQ(active.bytes_acknowledged(), 5u);
  EXPECT_EQ(active.bytes_written(), 5u);
}

}  // namespace
}  // namespace outrigger::test
