// A response body that fails when it falls silent for too long, does not end in time, or brings
// too few events. Time counts while a reader waits: a slow client is not the upstream's fault.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "config/policies.h"
#include "filters/exchange.h"
#include "proxy/http/body.h"
#include "proxy/runtime/dispatcher.h"

namespace outrigger::filters {

struct BodyLimits {
  std::optional<Duration> gap;           // `connection_read_timeout`
  std::optional<TimePoint> deadline;     // `total_timeout`
  std::optional<TimePoint> first_event;  // `first_event_timeout`, of a body whose events are told
  std::optional<config::Progress> progress;  // `stream_stalled`, after the first event

  [[nodiscard]] bool any() const noexcept { return gap || deadline || first_event || progress; }
};

class TimedBody final : public http::BodySource, public EventTimer {
 public:
  TimedBody(Dispatcher& loop, std::unique_ptr<http::BodySource> inner,
            const BodyLimits& limits) noexcept
      : loop_(loop), inner_(std::move(inner)), limits_(limits) {}

  Task<Result<Slice>> read(CancelScope& scope) override;
  [[nodiscard]] bool ready() const noexcept override { return inner_->ready(); }
  [[nodiscard]] const http::Headers* trailers() const noexcept override {
    return inner_->trailers();
  }

  void watch() override { watched_ = true; }
  void on_event() override;

 private:
  struct Limit {
    Duration left = Duration::max();
    std::string_view reason;
  };
  Task<Result<Slice>> read_timed(CancelScope& scope);
  [[nodiscard]] Limit nearest() const noexcept;

  Dispatcher& loop_;
  std::unique_ptr<http::BodySource> inner_;
  BodyLimits limits_;
  bool watched_ = false;
  bool begun_ = false;             // the first event came
  std::uint32_t events_ = 0;       // since the window of `progress` began
  Duration waited_ = Duration{0};  // for them
};

}  // namespace outrigger::filters
