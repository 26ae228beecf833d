// The cache filter in simulated time: any number of clients before it, one scripted upstream behind
// it.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "filters/cache/cache.h"
#include "filters/idempotency/once.h"
#include "proxy/runtime/frame_pool.h"
#include "proxy/runtime/sim_loop.h"

namespace outrigger::filters {

using Fields = std::vector<std::pair<std::string, std::string>>;

// What the upstream does with one request.
struct Play {
  int status = 200;
  Fields fields;
  std::vector<std::string> pieces;
  Duration before_head{0};
  Duration before_piece{0};  // each
  std::string_view fails;    // instead of an answer
  bool breaks = false;       // behind the last piece
  Verdict verdict = Verdict::kOk;
};

class PlayedBody final : public http::BodySource {
 public:
  PlayedBody(Dispatcher& loop, Play play) : loop_(loop), play_(std::move(play)) {}
  Task<Result<Slice>> read(CancelScope& scope) override {
    if (next_ == play_.pieces.size()) {
      if (play_.breaks) {
        co_return fail(Errc::kClosed, Origin::kUpstream, "http_response_incomplete");
      }
      co_return Slice{};
    }
    if (play_.before_piece > Duration{0}) {
      CO_TRY(co_await SleepFor(loop_, scope, play_.before_piece));
    }
    co_return Slice::copy(play_.pieces[next_++]);
  }
  [[nodiscard]] bool ready() const noexcept override { return play_.before_piece == Duration{0}; }

 private:
  Dispatcher& loop_;
  Play play_;
  std::size_t next_ = 0;
};

class PlayedUpstream final : public Filter {
 public:
  explicit PlayedUpstream(SimLoop& loop) : loop_(loop) { otherwise.status = 599; }
  [[nodiscard]] std::string_view name() const noexcept override { return "played"; }

  Task<Result<http::Response>> handle(Exchange& exchange, Next) override {
    seen.push_back(exchange.request.head);
    Play play;
    if (!plays.empty()) {
      play = std::move(plays.front());
      plays.pop_front();
    } else {
      play = otherwise;
    }
    Attempt& attempt = exchange.attempts.emplace_back();
    attempt.status = play.status;
    attempt.verdict = play.verdict;
    attempt.judged = attempt.concluded = true;
    if (play.before_head > Duration{0}) {
      CO_TRY(co_await SleepFor(loop_, *exchange.scope, play.before_head));
    }
    if (!play.fails.empty()) co_return fail(Errc::kConnect, Origin::kUpstream, play.fails);
    http::Response response;
    response.head.status = play.status;
    for (const auto& [name, value] : play.fields) response.head.headers.add(name, value);
    response.body = http::Body(std::make_unique<PlayedBody>(loop_, play), std::nullopt);
    co_return response;
  }

  std::deque<Play> plays;
  Play otherwise;
  std::vector<http::RequestHead> seen;

 private:
  SimLoop& loop_;
};

class CacheTest : public ::testing::Test {
 protected:
  CacheTest() {
    sim = &loop_;
    policies_.cache.emplace();
    policies_.replay.reset();
    upstream_config_.name = "up";
    upstream_config_.endpoints.resize(1);
    upstream_config_.endpoints[0].host = "example.com";
  }
  ~CacheTest() override {
    clients_.clear();
    executions_.scope.cancel({Errc::kCancelled, Origin::kProxy, "stopping"});
    loop_.advance(1s);
    chain_ = nullptr;
    EXPECT_EQ(loop_.timers(), 0u);
    EXPECT_EQ(FramePool::live(), 0u);
  }

  // One client's request, until it is destroyed.
  class Client {
   public:
    Client(CacheTest& test, http::Request request)
        : test_(test),
          exchange_(test.loop_, std::move(request), sink_, info_, scope_),
          tasks_(test.loop_) {
      exchange_.routed.upstream = &test.upstream_config_;
      exchange_.routed.policies = &test.policies_;
      exchange_.started = test.loop_.now();
      std::ranges::copy(std::string_view("01ARZ3NDEKTSV4RRFFQ69G5FAV"), exchange_.id_text);
      tasks_.spawn(run(*this));
    }
    ~Client() { leave(); }
    void leave() {
      scope_.cancel({Errc::kCancelled, Origin::kClient, "client_gone"});
      test_.loop_.advance(Duration{0});
    }

    int status = 0;
    http::Headers headers;
    std::string body;
    bool whole = false;
    std::optional<Error> error;
    [[nodiscard]] std::string field(std::string_view name) const {
      const http::Field* found = headers.find(name);
      return found == nullptr ? "" : std::string(found->value);
    }
    [[nodiscard]] Source source() const { return exchange_.source; }
    [[nodiscard]] Exchange& exchange() { return exchange_; }

   private:
    static Task<void> run(Client& self) {
      Result<http::Response> outcome = co_await self.test_.chain_->run(self.exchange_);
      if (!outcome) {
        self.error = outcome.error();
        co_return;
      }
      self.status = outcome->head.status;
      self.headers = outcome->head.headers;
      for (;;) {
        Result<Slice> bytes = co_await outcome->body.read(self.scope_);
        if (!bytes) {
          self.error = bytes.error();
          co_return;
        }
        if (bytes->empty()) break;
        self.body += bytes->view();
      }
      self.whole = true;
    }

    class Nowhere final : public http::ResponseSink {
     public:
      Task<Status> interim(http::ResponseHead, CancelScope&) override { co_return Status{}; }
      Task<http::Delivery> send(http::Response, CancelScope&) override {
        co_return http::Delivery{};
      }
    };
    CacheTest& test_;
    Nowhere sink_;
    http::ClientInfo info_;
    CancelScope scope_;
    Exchange exchange_;
    TaskGroup tasks_;
  };

  // Call after the policies are as they should be; later calls change nothing.
  void begin() {
    if (chain_ != nullptr) return;
    std::vector<std::unique_ptr<Filter>> filters;
    filters.push_back(std::make_unique<Cache>(CacheContext{*shared_, executions_, clock_, *shard_},
                                              policies_, "up"));
    auto upstream = std::make_unique<PlayedUpstream>(loop_);
    upstream_ = upstream.get();
    filters.push_back(std::move(upstream));
    chain_ = std::make_unique<Chain>(std::move(filters));
  }
  PlayedUpstream& upstream() {
    begin();
    return *upstream_;
  }
  // Sends it; the answer of an upstream that does not hesitate is there.
  Client& send(http::Method method, std::string_view target, Fields fields = {},
               std::string_view body = {}) {
    begin();
    http::Request request;
    request.head.method = method;
    request.head.method_text = method == http::Method::kGet    ? "GET"
                               : method == http::Method::kHead ? "HEAD"
                               : method == http::Method::kPost ? "POST"
                                                               : "DELETE";
    request.head.target = request.head.headers.intern(target);
    for (const auto& [name, value] : fields) request.head.headers.add(name, value);
    if (!body.empty()) request.body = http::Body(Slice::copy(body));
    clients_.push_back(std::make_unique<Client>(*this, std::move(request)));
    loop_.advance(Duration{0});
    return *clients_.back();
  }
  Client& get(std::string_view target, Fields fields = {}) {
    return send(http::Method::kGet, target, std::move(fields));
  }
  [[nodiscard]] std::size_t calls() { return upstream().seen.size(); }

  static std::int64_t wall() noexcept {
    return 1'800'000'000'000'000 + sim->now().since_start.count() / 1000;
  }
  inline static SimLoop* sim = nullptr;

  SimLoop loop_;
  WallClock clock_{&wall};
  MetricRegistry registry_{10000};
  MetricShard* shard_ = &registry_.add_shard();
  std::unique_ptr<SharedAnswers> shared_ = std::make_unique<SharedAnswers>(
      CacheSettings{.memory_bytes = 16 * 1024 * 1024, .clock = &wall});
  Executions executions_{loop_};
  config::Upstream upstream_config_;
  config::Policies policies_;
  PlayedUpstream* upstream_ = nullptr;
  std::unique_ptr<Chain> chain_;
  std::vector<std::unique_ptr<Client>> clients_;
};

}  // namespace outrigger::filters
