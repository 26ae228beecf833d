// A filter that only looks: what goes into the rest of the chain, and what comes out of it.
#pragma once

#include <functional>
#include <utility>

#include "filters/filter.h"

namespace outrigger::simulation {

class Tap final : public filters::Filter {
 public:
  using Look = std::function<void(filters::Exchange&)>;
  Tap(Look before, Look after) : before_(std::move(before)), after_(std::move(after)) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "tap"; }
  Task<Result<http::Response>> handle(filters::Exchange& exchange, filters::Next next) override {
    before_(exchange);
    Result<http::Response> outcome = co_await next(exchange);
    after_(exchange);
    co_return outcome;
  }

 private:
  Look before_, after_;
};

}  // namespace outrigger::simulation
