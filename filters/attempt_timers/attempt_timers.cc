#include "filters/attempt_timers/attempt_timers.h"

#include <algorithm>
#include <utility>

#include "filters/attempt_timers/timed_body.h"

namespace outrigger::filters {
namespace {

constexpr CancelReason late(std::string_view reason) {
  return {Errc::kTimeout, Origin::kUpstream, reason};
}

// A limit of one that was patient with the attempt before (Retry::timeout_factor).
std::optional<Duration> patient(std::optional<Duration> limit, double patience) noexcept {
  if (!limit || patience == 1) return limit;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(*limit) * patience);
}

// One timer for the stage that is running and one for the whole; both cancel the attempt's scope.
class Stages final : public AttemptProgress {
 public:
  Stages(Dispatcher& loop, CancelScope& scope, const config::Timeouts& timeouts,
         double patience) noexcept
      : loop_(loop),
        timeouts_(timeouts),
        patience_(patience),
        sent_(loop.now()),
        stage_(loop, scope) {
    if (timeouts_.total) total_.emplace(loop, scope).start(*timeouts_.total, late("total_timeout"));
  }

  void on_stage(AttemptStage stage) override {
    switch (stage) {
      case AttemptStage::kConnecting:
        return start(timeouts_.connect, "connection_timeout");
      case AttemptStage::kHandshaking:
        return start(timeouts_.tls, "tls_timeout");
      case AttemptStage::kWaiting:
        sent_ = loop_.now();
        return start(patient(timeouts_.headers, patience_), "http_response_timeout");
      case AttemptStage::kSending:
      case AttemptStage::kAnswered:
        return stage_.stop();
    }
  }
  // When the request was fully sent; the attempt's begin as long as it was not.
  [[nodiscard]] TimePoint sent() const noexcept { return sent_; }

 private:
  void start(const std::optional<Duration>& limit, std::string_view reason) {
    if (limit) {
      stage_.start(*limit, late(reason));
    } else {
      stage_.stop();
    }
  }

  Dispatcher& loop_;
  const config::Timeouts& timeouts_;
  double patience_;
  TimePoint sent_;
  DeadlineTimer stage_;
  std::optional<DeadlineTimer> total_;
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

std::optional<Duration> first_event_limit(const config::Timeouts& timeouts,
                                          std::uint64_t request_bytes, double patience) noexcept {
  if (!timeouts.first_event) return std::nullopt;
  const double mebibytes = static_cast<double>(request_bytes) / (1024 * 1024);
  const std::chrono::duration<double> slope = timeouts.first_event_per_mib.value_or(Duration{0});
  const auto limit =
      *timeouts.first_event + std::chrono::duration_cast<Duration>(slope * mebibytes);
  return patient(limit, patience);
}

Task<Result<http::Response>> AttemptTimers::handle(Exchange& exchange, Next next) {
  const TimePoint begun = exchange.loop.now();
  exchange.event_timer = nullptr;
  CancelScope scope(*exchange.scope);
  Stages stages(exchange.loop, scope, timeouts_, exchange.patience);
  const Lend lend(exchange, scope, stages);
  Result<http::Response> response = co_await next(exchange);
  if (!response) co_return response;
  const bool stream = is_stream(*response);
  BodyLimits limits{.gap = timeouts_.gap, .deadline = {}, .first_event = {}, .progress = {}};
  if (timeouts_.total && !stream) limits.deadline = begun + *timeouts_.total;
  if (stream) {
    if (const auto first =
            first_event_limit(timeouts_, exchange.request_bytes, exchange.patience)) {
      limits.first_event = stages.sent() + *first;
    }
    limits.progress = timeouts_.progress;
  }
  if (!limits.any()) co_return response;
  response->body.wrap_source([&](std::unique_ptr<http::BodySource> inner) {
    auto timed = std::make_unique<TimedBody>(exchange.loop, std::move(inner), limits);
    exchange.event_timer = timed.get();
    return timed;
  });
  co_return response;
}

}  // namespace outrigger::filters
