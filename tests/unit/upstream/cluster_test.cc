#include "proxy/upstream/cluster.h"

#include <set>

#include <gtest/gtest.h>

#include "proxy/runtime/event_loop.h"
#include "proxy/runtime/task_group.h"

namespace outrigger::upstream {
namespace {

// Notes which endpoints were chosen.
class Chosen final : public AttemptListener {
 public:
  void on_endpoint(std::uint16_t index, std::string_view) override { order.push_back(index); }
  void on_queued() override {}
  void on_resolving() override {}
  void on_connecting() override {}
  void on_handshaking() override {}
  void on_connection(bool) override {}
  void on_sending() override {}
  void on_request_sent() override {}
  Task<Status> on_interim(http::ResponseHead) override { co_return Status{}; }
  void on_response(const http::Response&) override {}
  void on_failed(const Error&) override {}
  std::vector<std::uint16_t> order;
};

// Endpoints that nobody listens on: each that is chosen is followed by another.
class ClusterTest : public testing::Test {
 protected:
  void make(std::size_t endpoints) {
    upstream_.name = "api";
    upstream_.health.passive.reset();
    for (std::size_t i = 0; i < endpoints; ++i) {
      upstream_.endpoints.push_back({.url = "http://127.0.0.1:1",
                                     .tls = false,
                                     .host = "127.0.0.1",
                                     .port = 1,
                                     .base_path = ""});
    }
    const Cluster::Setup setup{loop_, resolver_, random_, nullptr, nullptr, nullptr, {}};
    cluster_ = std::make_unique<Cluster>(setup, upstream_);
  }
  // The endpoints in the order in which they were tried.
  std::vector<std::uint16_t> send(Avoid avoid) {
    Chosen chosen;
    bool done = false;
    TaskGroup tasks(loop_);
    tasks.spawn([](ClusterTest& test, Chosen& out, Avoid not_these, bool& ended) -> Task<void> {
      http::Request request;
      auto outcome = co_await test.cluster_->send(request, test.scope_, out, not_these);
      EXPECT_FALSE(outcome);
      if (!outcome) test.error_ = outcome.error();
      ended = true;
    }(*this, chosen, avoid, done));
    while (!done) loop_.run_once();
    return chosen.order;
  }

  EventLoop loop_;
  Resolver resolver_{loop_};
  Random random_{1};
  config::Upstream upstream_;
  std::unique_ptr<Cluster> cluster_;
  CancelScope scope_;
  Error error_;
};

TEST_F(ClusterTest, TakesOthersBeforeThoseToBeAvoided) {
  make(4);
  for (int i = 0; i < 20; ++i) {
    const auto order = send({.endpoints = 0b0011, .strictly = false});
    ASSERT_EQ(order.size(), 3u);
    EXPECT_EQ((std::set<std::uint16_t>{order[0], order[1]}), (std::set<std::uint16_t>{2, 3}));
    EXPECT_LT(order[2], 2u) << "no other is left";
  }
}

TEST_F(ClusterTest, TakesAnyWhenAllAreToBeAvoided) {
  make(2);
  EXPECT_EQ(send({.endpoints = 0b11, .strictly = false}).size(), 2u);
  EXPECT_EQ(error_.reason, "connection_refused");
}

TEST_F(ClusterTest, TakesNoneOfThemWhenTheyAreAvoidedStrictly) {
  make(3);
  EXPECT_EQ(send({.endpoints = 0b101, .strictly = true}), std::vector<std::uint16_t>{1});
  EXPECT_EQ(error_.reason, "connection_refused") << "what happened to the one that was left";
  EXPECT_TRUE(send({.endpoints = 0b111, .strictly = true}).empty());
  EXPECT_EQ(error_.code, Errc::kOverload);
  EXPECT_EQ(error_.origin, Origin::kProxy);
  EXPECT_EQ(error_.reason, "circuit_open");
}

TEST_F(ClusterTest, TheOnlyEndpointIsTakenUnlessItIsAvoidedStrictly) {
  make(1);
  EXPECT_EQ(send({.endpoints = 1, .strictly = false}).size(), 1u);
  EXPECT_TRUE(send({.endpoints = 1, .strictly = true}).empty());
  EXPECT_EQ(send({.endpoints = 0, .strictly = true}).size(), 1u);
}

}  // namespace
}  // namespace outrigger::upstream
