// Runs filters in simulated time: an exchange from a scripted client, a chain of the filter under
// test and a scripted end.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "filters/filter.h"
#include "proxy/runtime/frame_pool.h"
#include "proxy/runtime/sim_loop.h"
#include "proxy/runtime/task_group.h"

namespace outrigger::filters {

// The end of a chain: whatever the test says.
class ScriptedEnd final : public Filter {
 public:
  using Script = std::function<Task<Result<http::Response>>(Exchange&)>;
  explicit ScriptedEnd(Script script) : script_(std::move(script)) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "scripted"; }
  Task<Result<http::Response>> handle(Exchange& exchange, Next) override {
    return script_(exchange);
  }

 private:
  Script script_;
};

// A body that gives each piece after a delay, then ends.
class PacedBody final : public http::BodySource {
 public:
  PacedBody(Dispatcher& loop, std::vector<Duration> delays)
      : loop_(loop), delays_(std::move(delays)) {}
  Task<Result<Slice>> read(CancelScope& scope) override {
    if (next_ == delays_.size()) co_return Slice{};
    CO_TRY(co_await SleepFor(loop_, scope, delays_[next_++]));
    co_return Slice::literal("piece");
  }
  [[nodiscard]] bool ready() const noexcept override { return next_ == delays_.size(); }

 private:
  Dispatcher& loop_;
  std::vector<Duration> delays_;
  std::size_t next_ = 0;
};

class NoClient final : public http::ResponseSink {
 public:
  Task<Status> interim(http::ResponseHead, CancelScope&) override { co_return Status{}; }
  Task<http::Delivery> send(http::Response, CancelScope&) override { co_return http::Delivery{}; }
};

class ChainTest : public ::testing::Test {
 protected:
  ~ChainTest() override {
    scope_.cancel({});
    loop_.advance(Duration{0});  // drops what has ended
    outcome_.reset();
    exchange_.reset();
    EXPECT_EQ(loop_.timers(), 0u);
    EXPECT_EQ(FramePool::live(), 0u);
  }

  Exchange& exchange() {
    if (!exchange_) {
      exchange_ = std::make_unique<Exchange>(loop_, std::move(request_), sink_, client_, scope_);
    }
    return *exchange_;
  }
  void add(std::unique_ptr<Filter> filter) { filters_.push_back(std::move(filter)); }
  void end_with(ScriptedEnd::Script script) {
    add(std::make_unique<ScriptedEnd>(std::move(script)));
  }

  // Starts the chain; its outcome is there once enough time has passed.
  void start() {
    chain_ = std::make_unique<Chain>(std::move(filters_));
    tasks_.spawn([](ChainTest& test) -> Task<void> {
      test.outcome_ =
          std::make_unique<Result<http::Response>>(co_await test.chain_->run(test.exchange()));
    }(*this));
  }
  // Reads the response's body to its end or failure.
  void read_body() {
    tasks_.spawn([](ChainTest& test) -> Task<void> {
      http::Response& response = **test.outcome_;
      for (;;) {
        Result<Slice> bytes = co_await response.body.read(test.scope_);
        if (!bytes) {
          test.body_error_ = bytes.error();
          co_return;
        }
        if (bytes->empty()) break;
        test.body_ += bytes->view();
      }
      test.body_ended_ = true;
    }(*this));
  }
  [[nodiscard]] bool done() const { return outcome_ != nullptr; }

  SimLoop loop_;
  CancelScope scope_;
  http::Request request_;
  NoClient sink_;
  http::ClientInfo client_;
  std::vector<std::unique_ptr<Filter>> filters_;
  std::unique_ptr<Chain> chain_;
  std::unique_ptr<Exchange> exchange_;
  std::unique_ptr<Result<http::Response>> outcome_;
  std::string body_;
  bool body_ended_ = false;
  std::optional<Error> body_error_;
  TaskGroup tasks_{loop_};
};

}  // namespace outrigger::filters
