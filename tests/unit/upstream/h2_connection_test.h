// What the tests of H2Connection share: a connection with a raw peer, and exchanges to look at.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/runtime/frame_pool.h"
#include "proxy/runtime/task_group.h"
#include "proxy/upstream/h2_connection.h"
#include "tests/unit/http/h2_peer.h"

namespace outrigger::upstream {

using http::Body;
using http::HeaderId;
using http::Method;
using test::Fields;
using test::frame;

inline constexpr int kWhole = test::kEndHeaders | test::kEndStream;
inline const Fields kOk{{":status", "200"}};

// A request body that a test feeds by hand.
struct Feed {
  SliceQueue bytes;
  bool ended = false;
  bool broken = false;
  bool destroyed = false;
  std::size_t pulled = 0;
  Signal signal;
};
class FedBody final : public http::BodySource {
 public:
  explicit FedBody(Feed& feed) : feed_(feed) {}
  ~FedBody() override { feed_.destroyed = true; }
  Task<Result<Slice>> read(CancelScope& scope) override {
    while (!ready()) CO_TRY(co_await feed_.signal.wait(scope));
    if (feed_.broken) co_return fail(Errc::kReset, Origin::kClient, "client_gone");
    if (feed_.bytes.empty()) co_return Slice{};
    Slice bytes = feed_.bytes.pop();
    feed_.pulled += bytes.size();
    co_return bytes;
  }
  [[nodiscard]] bool ready() const noexcept override {
    return !feed_.bytes.empty() || feed_.ended || feed_.broken;
  }

 private:
  Feed& feed_;
};

// One exchange as a test sees it.
struct Call final : RequestProgress {
  http::Request request;
  std::unique_ptr<CancelScope> scope = std::make_unique<CancelScope>();
  std::optional<Result<http::Response>> outcome;
  std::string body;
  std::optional<Status> body_status;
  bool read_body = true;
  bool sending = false;
  int sent = 0;
  std::vector<int> interim;

  void on_sending() override { sending = true; }
  void on_request_sent() override { ++sent; }
  Task<Status> on_interim(http::ResponseHead head) override {
    interim.push_back(head.status);
    co_return Status{};
  }
  [[nodiscard]] const Error& error() const { return outcome->error(); }
};

class H2ConnectionTest : public testing::Test {
 protected:
  void SetUp() override { connect(); }
  void connect() {
    auto [ours, theirs] = test::socket_pair();
    peer.emplace(std::move(theirs));
    peer->reader.skip_preface = true;
    connection = std::make_unique<H2Connection>(
        std::make_unique<Stream>(loop, std::move(ours), Origin::kUpstream), settings,
        [this] { ++closed, connection.reset(); });
  }
  void TearDown() override {
    calls.clear_responses();
    connection.reset();
    settle();
    calls.tasks.reset();
    calls.all.clear();
    EXPECT_EQ(loop.timers(), 0U);
    EXPECT_EQ(loop.watches(), 0U);
    EXPECT_EQ(FramePool::live(), 0U);
  }

  Call& call(std::string_view target = "/", Body body = {}) {
    calls.all.push_back(std::make_unique<Call>());
    Call& one = *calls.all.back();
    one.request.head.method = body.length() == std::uint64_t{0} ? Method::kGet : Method::kPost;
    one.request.head.method_text = one.request.head.method == Method::kGet ? "GET" : "POST";
    one.request.head.authority = "a.test";
    one.request.head.target = target;
    one.request.body = std::move(body);
    return one;
  }
  void go(Call& one) { calls.tasks->spawn(run(one)); }
  Call& get(std::string_view target = "/") {
    Call& one = call(target);
    go(one);
    return one;
  }
  Task<void> run(Call& one) {
    one.outcome = co_await connection->exchange(one.request, *one.scope, &one);
    if (!*one.outcome || !one.read_body || (*one.outcome)->tunnel != nullptr) co_return;
    for (;;) {
      Result<Slice> bytes = co_await (*one.outcome)->body.read(*one.scope);
      if (!bytes) one.body_status = std::unexpected(bytes.error());
      if (bytes && bytes->empty()) one.body_status = Status{};
      if (one.body_status) co_return;
      one.body += bytes->view();
    }
  }
  bool run_until(const std::function<bool()>& what) { return test::run_until(loop, *peer, what); }
  void settle() { test::settle(loop, *peer); }
  void greet(std::string_view entries = {}) {
    peer->send(frame(test::kSettings, 0, 0, entries));
    settle();
  }
  bool answered(const Call& one) {
    return run_until([&] { return one.outcome.has_value(); });
  }
  bool finished(const Call& one) {
    return run_until([&] { return one.body_status.has_value(); });
  }
  bool failed(const Call& one) { return answered(one) && !one.outcome->has_value(); }

  EventLoop loop;
  H2ConnectionSettings settings;
  std::optional<test::H2Peer> peer;
  std::unique_ptr<H2Connection> connection;
  int closed = 0;
  std::deque<Feed> feeds;
  struct Calls {
    explicit Calls(EventLoop& its_loop) { tasks.emplace(its_loop); }
    void clear_responses() {
      tasks.reset();
      for (const auto& one : all) one->outcome.reset();
    }
    std::vector<std::unique_ptr<Call>> all;
    std::optional<TaskGroup> tasks;
  } calls{loop};
};

}  // namespace outrigger::upstream
