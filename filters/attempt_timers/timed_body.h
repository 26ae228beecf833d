// A response body that fails when it falls silent for too long, or does not end in time.
#pragma once

#include <memory>
#include <optional>

#include "proxy/http/body.h"
#include "proxy/runtime/dispatcher.h"

namespace outrigger::filters {

class TimedBody final : public http::BodySource {
 public:
  TimedBody(Dispatcher& loop, std::unique_ptr<http::BodySource> inner, std::optional<Duration> gap,
            std::optional<TimePoint> deadline) noexcept
      : loop_(loop), inner_(std::move(inner)), gap_(gap), deadline_(deadline) {}

  Task<Result<Slice>> read(CancelScope& scope) override;
  [[nodiscard]] bool ready() const noexcept override { return inner_->ready(); }
  [[nodiscard]] const http::Headers* trailers() const noexcept override {
    return inner_->trailers();
  }

 private:
  Task<Result<Slice>> read_timed(CancelScope& scope);

  Dispatcher& loop_;
  std::unique_ptr<http::BodySource> inner_;
  std::optional<Duration> gap_;
  std::optional<TimePoint> deadline_;
};

}  // namespace outrigger::filters
