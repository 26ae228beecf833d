#include "filters/attempt_timers/attempt_timers.h"

#include <algorithm>
#include <utility>

#include "filters/attempt_timers/timed_body.h"

namespace outrigger::filters {
namespace {

constexpr CancelReason late(std::string_view reason) {
  return {Errc::kTimeout, Origin::kUpstream, reason};
}

// One timer for the stage that is running and one for the whole; both cancel the attempt's scope.
class Stages final : public AttemptProgress {
 public:
  Stages(Dispatcher& loop, CancelScope& scope, const config::Timeouts& timeouts) noexcept
      : timeouts_(timeouts), stage_(loop, scope), total_(loop, scope) {
    if (timeouts_.total) total_.start(*timeouts_.total, late("total_timeout"));
  }

  void on_stage(AttemptStage stage) override {
    switch (stage) {
      case AttemptStage::kConnecting:
        return start(timeouts_.connect, "connection_timeout");
      case AttemptStage::kHandshaking:
        return start(timeouts_.tls, "tls_timeout");
      case AttemptStage::kWaiting:
        return start(timeouts_.headers, "http_response_timeout");
      case AttemptStage::kSending:
      case AttemptStage::kAnswered:
        return stage_.stop();
    }
  }

 private:
  void start(const std::optional<Duration>& limit, std::string_view reason) {
    if (limit) {
      stage_.start(*limit, late(reason));
    } else {
      stage_.stop();
    }
  }

  const config::Timeouts& timeouts_;
  DeadlineTimer stage_;
  DeadlineTimer total_;
};

// Lends the exchange a narrower scope and a listener for the length of one attempt.
class Lend {
 public:
  Lend(Exchange& exchange, CancelScope& scope, AttemptProgress& progress) noexcept
      : exchange_(exchange),
        scope_(std::exchange(exchange.scope, &scope)),
        progress_(std::exchange(exchange.progress, &progress)) {}
  Lend(const Lend&) = delete;
  Lend& operator=(const Lend&) = delete;
  ~Lend() {
    exchange_.scope = scope_;
    exchange_.progress = progress_;
  }

 private:
  Exchange& exchange_;
  CancelScope* scope_;
  AttemptProgress* progress_;
};

}  // namespace

Task<Result<http::Response>> AttemptTimers::handle(Exchange& exchange, Next next) {
  const TimePoint begun = exchange.loop.now();
  CancelScope scope(*exchange.scope);
  Stages stages(exchange.loop, scope, timeouts_);
  const Lend lend(exchange, scope, stages);
  Result<http::Response> response = co_await next(exchange);
  if (!response) co_return response;
  std::optional<TimePoint> deadline;
  if (timeouts_.total && !is_stream(*response)) deadline = begun + *timeouts_.total;
  if (timeouts_.gap || deadline) {
    response->body.wrap_source([&](std::unique_ptr<http::BodySource> inner) {
      return std::make_unique<TimedBody>(exchange.loop, std::move(inner), timeouts_.gap, deadline);
    });
  }
  co_return response;
}

}  // namespace outrigger::filters
