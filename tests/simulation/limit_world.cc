#include "tests/simulation/limit_world.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "filters/classify/classify.h"
#include "filters/concurrency/concurrency.h"
#include "filters/deadline/deadline.h"
#include "filters/rate_limit/rate_limit.h"

namespace outrigger::simulation {
namespace {

using filters::Exchange;
using filters::LimitKind;

constexpr double kBytesPerToken = 4;
constexpr double kNearly = 1e-3;

double seconds(Duration duration) noexcept {
  return std::chrono::duration<double>(duration).count();
}

double a_second(const config::Rate& rate) noexcept {
  return static_cast<double>(rate.events) / seconds(rate.per);
}

class NoClient final : public http::ResponseSink {
 public:
  Task<Status> interim(http::ResponseHead, CancelScope&) override { co_return Status{}; }
  Task<http::Delivery> send(http::Response, CancelScope&) override { co_return http::Delivery{}; }
};

// Cancels a call after a while, as a client does that goes.
class Leaving final : private Timer {
 public:
  Leaving(Dispatcher& loop, CancelScope& scope, std::optional<Duration> after) : scope_(scope) {
    if (after) loop.arm(*this, *after);
  }

 private:
  void on_fire() override { scope_.cancel({Errc::kCancelled, Origin::kClient, "client_gone"}); }
  CancelScope& scope_;
};

}  // namespace

// The end of the chain.
class LimitWorld::Upstream final : public filters::Filter {
 public:
  explicit Upstream(LimitWorld& world) noexcept : world_(world) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "upstream"; }
  Task<Result<http::Response>> handle(Exchange& exchange, filters::Next) override {
    return world_.serve(exchange);
  }

 private:
  LimitWorld& world_;
};

Duration Tally::wait(double quantile) const {
  if (waits.empty()) return Duration{0};
  std::vector<Duration> sorted = waits;
  std::ranges::sort(sorted);
  return sorted[static_cast<std::size_t>(static_cast<double>(sorted.size() - 1) * quantile)];
}

LimitWorld::LimitWorld(std::uint64_t seed, config::Policies policies, Capacity capacity)
    : dice_(seed), random_(seed + 1), capacity_(capacity) {
  loop_.advance(1000s);
  upstream_.name = "llm";
  upstream_.policies = std::move(policies);
  upstream_.policies.replay = config::Replay::kSafe;
  const config::Policies& all = upstream_.policies;
  std::vector<std::unique_ptr<filters::Filter>> chain;
  chain.push_back(std::make_unique<filters::Deadline>(all));
  if (all.retry) chain.push_back(std::make_unique<filters::Retry>(retry_, all, "llm"));
  if (all.rate_limit) {
    chain.push_back(std::make_unique<filters::RateLimit>(limits_, upstream_, nullptr, shard_,
                                                         clock_, loop_.now()));
  }
  if (all.concurrency) {
    chain.push_back(std::make_unique<filters::ConcurrencyLimit>(limits_, upstream_, nullptr, shard_,
                                                                loop_.now()));
  }
  chain.push_back(std::make_unique<filters::Classify>(all, clock_));
  chain.push_back(std::make_unique<Upstream>(*this));
  chain_ = std::make_unique<filters::Chain>(std::move(chain));
  if (capacity_.requests) {
    level_ = static_cast<double>(capacity_.requests->events) * capacity_.bucket;
  }
  if (all.rate_limit && all.rate_limit->requests) {
    promised_ = std::max(a_second(*all.rate_limit->requests) * seconds(all.rate_limit->burst), 1.0);
  }
  level_at_ = promised_at_ = loop_.now();
}

LimitWorld::~LimitWorld() = default;

void LimitWorld::add(const Agent& agent) {
  agents_.push_back(agent);
  tallies_.push_back(std::make_unique<Tally>());
  tallies_.back()->name = agent.name;
  for (std::uint32_t i = 0; i < agent.parallel; ++i) {
    tasks_.spawn(loop_of(agents_.back(), *tallies_.back()));
  }
}

Task<void> LimitWorld::loop_of(const Agent& agent, Tally& tally) {
  CancelScope scope;
  for (std::uint32_t i = 0; !closing_ && (agent.calls == 0 || i < agent.calls); ++i) {
    co_await call(agent, tally);
    (void)co_await SleepFor(loop_, scope, agent.pause + 20ms);
  }
}

Task<void> LimitWorld::call(const Agent& agent, Tally& tally) {
  ++tally.begun;
  NoClient sink;
  http::ClientInfo client;
  CancelScope scope;
  http::Request request;
  request.head.method = http::Method::kPost;
  request.head.method_text = "POST";
  request.head.target = "/v1/chat/completions";
  request.head.headers.add("Content-Type", "application/json");
  request.body = http::Body(Slice::copy(std::string(agent.prompt_bytes, ' ')));
  std::optional<Duration> leaves;
  if (dice_.chance(agent.leaves)) leaves = dice_.between(0ms, 5s);
  bool ok = false;
  {
    Exchange exchange(loop_, std::move(request), sink, client, scope);
    exchange.started = loop_.now();
    exchange.routed.upstream = &upstream_;
    exchange.routed.policies = &upstream_.policies;
    exchange.execution = agent.name;
    std::fill_n(exchange.id_text, sizeof exchange.id_text, '0');
    const std::string deadline =
        agent.deadline ? fmt::format("{}ms", *agent.deadline / 1ms) : std::string();
    exchange.deadline_asked = deadline;
    const Leaving leaving(loop_, scope, leaves);
    Result<http::Response> outcome = co_await chain_->run(exchange);
    if (scope.cancelled()) {
      ++tally.left;
    } else if (!outcome) {
      const std::string_view why = outcome.error().reason;
      const bool ours = why == "rate_limited" || why == "concurrency_limited" ||
                        why == "cooling_down" || why == "deadline_exceeded";
      ++(ours ? tally.refused : tally.lost);
    } else if (outcome->head.status == 429) {
      ++tally.throttled;
    } else {
      ok = true;
      // A part of the answer is still to come.
      while (true) {
        Result<Slice> piece = co_await outcome->body.read(scope);
        if (!piece || piece->empty()) break;
      }
      tally.waits.push_back(exchange.queued);
      tally.tokens += static_cast<double>(agent.prompt_bytes) / kBytesPerToken;
      last_answer_ = loop_.now() - TimePoint{1000s};
    }
  }
  if (ok) ++tally.ok;
}

// Whether the upstream's own limits have room.
bool LimitWorld::admit(TimePoint now) {
  if (capacity_.at_a_time && in_service_ > *capacity_.at_a_time) return false;
  if (!capacity_.requests) return true;
  const double most = static_cast<double>(capacity_.requests->events) * capacity_.bucket;
  level_ = std::min(level_ + a_second(*capacity_.requests) * seconds(now - level_at_), most);
  level_at_ = now;
  if (level_ < 1 - kNearly) return false;
  level_ -= 1;
  return true;
}

void LimitWorld::see_limit(TimePoint now) {
  if (!upstream_.policies.concurrency) return;
  const std::uint32_t here = *limit(LimitKind::kConcurrency)->at_a_time();
  highest_ = now == highest_at_ ? std::max(highest_, here) : here;
  highest_at_ = now;
}

// No attempt may be beyond a limit.
void LimitWorld::check_limit(TimePoint now) {
  const config::Policies& all = upstream_.policies;
  see_limit(now);
  if (all.concurrency && in_service_ > highest_) {
    violations_.push_back(
        fmt::format("{} calls at a time, with a limit of {}", in_service_, highest_));
  }
  // A rate counts when a request may go; where it then waits for a slot, it is sent later.
  if (!all.rate_limit || !all.rate_limit->requests || all.concurrency) return;
  const config::Rate& rate = *all.rate_limit->requests;
  const double burst = std::max(a_second(rate) * seconds(all.rate_limit->burst), 1.0);
  promised_ = std::min(promised_ + a_second(rate) * seconds(now - promised_at_), burst);
  promised_at_ = now;
  promised_ -= 1;
  if (promised_ < -kNearly) {
    violations_.push_back(fmt::format("a request too early at {:.3f} s", seconds(now.since_start)));
  }
}

http::Response LimitWorld::answer(int status) {
  http::Response response;
  response.head.status = status;
  http::Headers& headers = response.head.headers;
  headers.add("Content-Type", "application/json");
  if (capacity_.headers && capacity_.requests) {
    const double most = static_cast<double>(capacity_.requests->events) * capacity_.bucket;
    const double full_in = (most - level_) / a_second(*capacity_.requests);
    headers.add("x-ratelimit-limit-requests", fmt::format("{}", std::floor(most)));
    headers.add("x-ratelimit-remaining-requests", fmt::format("{}", std::floor(level_)));
    headers.add("x-ratelimit-reset-requests", fmt::format("{:.3f}s", full_in));
  }
  response.body = http::Body(Slice::literal("{\"ok\":true}"));
  return response;
}

Task<Result<http::Response>> LimitWorld::serve(Exchange& exchange) {
  filters::Attempt attempt;
  attempt.started = loop_.now();
  attempt.endpoint = "llm:443";
  exchange.attempts.push_back(attempt);
  const auto fail_now = [&](Errc code, Phase phase, std::string_view reason) {
    filters::Attempt& made = exchange.attempts.back();
    made.failed = true;
    made.phase = phase;
    made.reason = reason;
    made.code = code;
    made.ended = loop_.now();
    return std::unexpected(Error{code, Origin::kUpstream, phase, reason, {}});
  };
  if (dice_.chance(capacity_.unreached)) {
    co_return fail_now(Errc::kConnect, Phase::kNoConnection, "connection_refused");
  }
  struct Served {
    std::uint32_t& count;
    explicit Served(std::uint32_t& of) : count(of) { ++count; }
    ~Served() { --count; }
  } served(in_service_);
  exchange.attempts.back().phase = Phase::kFullyWritten;
  check_limit(loop_.now());
  const bool admitted = admit(loop_.now());
  const Duration takes =
      admitted ? dice_.between(capacity_.fastest, capacity_.slowest) : Duration{20ms};
  const Status slept = co_await SleepFor(loop_, *exchange.scope, takes);
  see_limit(loop_.now());
  if (!slept) {
    Error error = slept.error();
    error.phase = Phase::kFullyWritten;
    co_return std::unexpected(std::move(error));
  }
  if (admitted && dice_.chance(capacity_.lost)) {
    co_return fail_now(Errc::kReset, Phase::kFullyWritten, "connection_terminated");
  }
  filters::Attempt& made = exchange.attempts.back();
  made.status = admitted ? 200 : 429;
  made.phase = Phase::kAnswered;
  made.ended = loop_.now();
  ++(admitted ? answered_ : throttled_);
  co_return answer(made.status);
}

filters::PinnedLimit LimitWorld::limit(LimitKind kind) {
  return limits_.of(upstream_, nullptr, kind, loop_.now())->of({}, loop_.now());
}

void LimitWorld::sample() {
  Sample now{.at = loop_.now() - TimePoint{1000s},
             .in_service = in_service_,
             .ok = answered_,
             .throttled = throttled_};
  for (const auto& group : limits_.all()) {
    for (const filters::PinnedLimit& one : group->all()) now.waiting += one->waiting();
  }
  if (upstream_.policies.concurrency) now.limit = *limit(LimitKind::kConcurrency)->at_a_time();
  samples_.push_back(now);
}

void LimitWorld::run(Duration time, Duration every) {
  for (Duration passed{0}; passed < time; passed += every) {
    loop_.advance(every);
    sample();
  }
}

void LimitWorld::finish(Duration most) {
  closing_ = true;
  for (Duration passed{0}; passed < most && !tasks_.empty(); passed += 1s) loop_.advance(1s);
  const auto promise = [&](bool kept, std::string what) {
    if (!kept) violations_.push_back(std::move(what));
  };
  promise(tasks_.empty(), "a call never ended");
  promise(in_service_ == 0, "calls are in service after the end");
  for (const auto& group : limits_.all()) {
    for (const filters::PinnedLimit& one : group->all()) {
      promise(one->waiting() == 0, "somebody waits after the end");
      if (group->kind() == LimitKind::kConcurrency) {
        promise(one->idle(loop_.now()), "a slot did not come back");
      } else {
        promise(one->idle(loop_.now() + 24h), "a reservation did not come back");
      }
    }
  }
  for (const auto& tally : tallies_) {
    promise(tally->ended() == tally->begun, tally->name + " has lost a call");
  }
}

}  // namespace outrigger::simulation
