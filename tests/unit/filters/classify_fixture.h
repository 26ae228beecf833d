// Runs one scripted answer through classify and attempt_timers in simulated time, and tells what
// the client got and what was written down of the attempt.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "filters/attempt_timers/attempt_timers.h"
#include "filters/classify/classify.h"
#include "tests/unit/filters/chain_fixture.h"

namespace outrigger::filters {

// One thing that an upstream does with its body.
struct Step {
  Duration after{0};
  std::string bytes = {};  // empty: the clean end
  std::optional<Error> error = {};
};

inline Step say(std::string_view bytes, Duration after = Duration{0}) {
  return {after, std::string(bytes), {}};
}
inline Step end_cleanly(Duration after = Duration{0}) {
  return {after, {}, {}};
}
inline Step reset(Duration after = Duration{0}) {
  return {after,
          {},
          Error{Errc::kReset, Origin::kUpstream, Phase::kAnswered, "http_response_incomplete", {}}};
}
inline Step hang() {
  return {1000h, {}, {}};
}

class ScriptedBody final : public http::BodySource {
 public:
  ScriptedBody(Dispatcher& loop, std::vector<Step> steps, const http::Headers* trailers)
      : loop_(loop), steps_(std::move(steps)), trailers_(trailers) {}
  Task<Result<Slice>> read(CancelScope& scope) override {
    if (next_ == steps_.size()) co_return Slice{};
    const Step& step = steps_[next_];
    if (step.after != Duration{0}) CO_TRY(co_await SleepFor(loop_, scope, step.after));
    ++next_;
    if (step.error) co_return std::unexpected(*step.error);
    co_return Slice::copy(step.bytes);
  }
  [[nodiscard]] bool ready() const noexcept override {
    return next_ == steps_.size() || steps_[next_].after == Duration{0};
  }
  [[nodiscard]] const http::Headers* trailers() const noexcept override { return trailers_; }

 private:
  Dispatcher& loop_;
  std::vector<Step> steps_;
  std::size_t next_ = 0;
  const http::Headers* trailers_;
};

struct Script {
  config::Policies policies;
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::vector<Step> body = {};
  std::optional<std::string> whole = {};  // in memory, instead of `body`
  std::optional<std::uint64_t> length = {};
  std::optional<Error> failure = {};  // no answer
  int unreached = 0;                  // endpoints before the one that answers
  const http::Headers* trailers = nullptr;
  http::Method method = http::Method::kPost;
  std::string target = "/v1/chat/completions";
  std::uint64_t request_bytes = 0;
  std::optional<Duration> client_leaves = {};
  std::size_t reads = SIZE_MAX;  // then the answer is dropped
  bool wants_usage = false;
};

struct Delivered {
  std::string failed = {};  // why there is no answer
  Phase phase = Phase::kNoConnection;
  Duration head_after{0};
  std::string bytes = {};
  std::string end = {};                    // "clean", "dropped", or why not
  std::vector<std::string> attempts = {};  // their final verdicts, in the order of their ends
  Verdict at_head = Verdict::kCancelled;   // when the retry filter looks
  bool judged_at_head = false;
  bool concluded_at_head = false;
  std::string error = {};
  std::optional<Duration> answered_after = {};
  bool ready_was_true = true;  // no read suspended that was said to be ready
  std::optional<std::uint64_t> length = {};
  bool content_length = false;
  std::optional<TokenUsage> usage = {};
};

namespace detail {

class Conclusions final : public AttemptObserver {
 public:
  explicit Conclusions(Delivered& out) noexcept : out_(out) {}
  void on_concluded(Exchange&, Attempt& attempt) override {
    out_.attempts.emplace_back(to_string(attempt.verdict));
  }

 private:
  Delivered& out_;
};

inline Task<Result<http::Response>> answer(Dispatcher& loop, const Script& script,
                                           Exchange& exchange) {
  for (int i = 0; i <= script.unreached; ++i) {
    Attempt attempt;
    attempt.started = loop.now();
    exchange.attempts.push_back(attempt);
  }
  exchange.progress->on_stage(AttemptStage::kWaiting);
  exchange.progress->on_stage(AttemptStage::kAnswered);
  if (script.failure) co_return std::unexpected(*script.failure);
  http::Response response;
  response.head.status = script.status;
  for (const auto& [name, value] : script.headers) response.head.headers.add(name, value);
  if (script.whole) {
    response.body = http::Body(Slice::copy(*script.whole));
  } else {
    response.body = http::Body(std::make_unique<ScriptedBody>(loop, script.body, script.trailers),
                               script.length);
  }
  co_return response;
}

inline Task<void> read_all(Dispatcher& loop, Result<http::Response>& outcome, const Script& script,
                           Delivered& out, CancelScope& scope) {
  http::Body& body = outcome->body;
  for (std::size_t reads = 0;; ++reads) {
    if (reads == script.reads) {
      out.end = "dropped";
      break;
    }
    const bool ready = body.ready();
    const TimePoint before = loop.now();
    Result<Slice> bytes = co_await body.read(scope);
    if (ready && loop.now() != before) out.ready_was_true = false;
    if (!bytes) {
      out.end = bytes.error().reason;
      break;
    }
    if (bytes->empty()) {
      out.end = "clean";
      break;
    }
    out.bytes += bytes->view();
    if (script.length && out.bytes.size() >= *script.length && out.length) {
      out.end = "clean";  // as the HTTP/1 codec does: it reads no further
      break;
    }
  }
}

}  // namespace detail

inline Delivered deliver(const Script& script) {
  Delivered out;
  const std::size_t blocks = Block::live();  // of the script
  {
    SimLoop loop;
    CancelScope scope;
    NoClient sink;
    http::ClientInfo client;
    WallClock clock([]() noexcept { return std::int64_t{1'700'000'000'000'000}; });
    std::vector<std::unique_ptr<Filter>> filters;
    filters.push_back(std::make_unique<Classify>(script.policies, clock));
    filters.push_back(std::make_unique<AttemptTimers>(script.policies.timeouts));
    filters.push_back(std::make_unique<ScriptedEnd>(
        [&](Exchange& exchange) { return detail::answer(loop, script, exchange); }));
    const Chain chain(std::move(filters));
    http::Request request;
    request.head.method = script.method;
    request.head.target = script.target;
    Exchange exchange(loop, std::move(request), sink, client, scope);
    exchange.request_bytes = script.request_bytes;
    exchange.wants_usage = script.wants_usage;
    detail::Conclusions conclusions(out);
    exchange.when_concluded(conclusions);
    TaskGroup tasks(loop);
    const TimePoint begun = loop.now();
    tasks.spawn([](const Chain& filters_in, const Script& from, Exchange& of, Delivered& to,
                   CancelScope& under, TimePoint since) -> Task<void> {
      Result<http::Response> outcome = co_await filters_in.run(of);
      to.head_after = of.loop.now() - since;
      const Attempt& attempt = of.attempts.back();
      EXPECT_EQ(attempt.ended, of.loop.now()) << "an attempt lasts until its answer goes on";
      to.at_head = attempt.verdict;
      to.judged_at_head = attempt.judged;
      to.concluded_at_head = attempt.concluded;
      if (outcome) {
        to.length = outcome->body.length();
        to.content_length = outcome->head.headers.find(http::HeaderId::kContentLength) != nullptr;
        co_await detail::read_all(of.loop, outcome, from, to, under);
      } else {
        to.failed = outcome.error().reason;
        to.phase = outcome.error().phase;
      }
      const Attempt& last = of.attempts.back();
      to.error = last.error;
      to.usage = last.usage;
      if (last.answered) to.answered_after = *last.answered - since;
    }(chain, script, exchange, out, scope, begun));
    if (script.client_leaves) {
      loop.advance(*script.client_leaves);
      scope.cancel({Errc::kCancelled, Origin::kClient, "client_gone"});
    }
    loop.advance(100h);
    EXPECT_TRUE(tasks.empty()) << "the exchange never ended";
    EXPECT_EQ(loop.timers(), 0u);
  }
  EXPECT_EQ(FramePool::live(), 0u);
  EXPECT_EQ(Block::live(), blocks);
  return out;
}

}  // namespace outrigger::filters
