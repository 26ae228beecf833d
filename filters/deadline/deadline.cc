#include "filters/deadline/deadline.h"

#include <algorithm>
#include <utility>

#include "filters/deadline/deadlines.h"

namespace outrigger::filters {
namespace {

constexpr CancelReason kPassed{Errc::kTimeout, Origin::kProxy, "deadline_exceeded"};

Task<Result<http::Response>> refused() {
  co_return fail(
      Errc::kProtocol, Origin::kClient, "http_request_error",
      "Outrigger-Deadline is neither a duration with its unit (30s, 1m30s) nor a time of "
      "day (2026-01-31T12:00:00Z)");
}

// Lends the exchange a scope that ends at the deadline.
class Until {
 public:
  Until(Exchange& exchange, TimePoint when)
      : exchange_(exchange), scope_(*exchange.scope), timer_(exchange.loop, scope_) {
    timer_.start(std::max(when - exchange.loop.now(), Duration{0}), kPassed);
    outer_ = std::exchange(exchange_.scope, &scope_);
  }
  Until(const Until&) = delete;
  Until& operator=(const Until&) = delete;
  ~Until() { exchange_.scope = outer_; }

 private:
  Exchange& exchange_;
  CancelScope scope_;
  DeadlineTimer timer_;
  CancelScope* outer_ = nullptr;
};

}  // namespace

// No frame of its own where there is no deadline.
Task<Result<http::Response>> Deadline::handle(Exchange& exchange, Next next) {
  const std::string_view asked = exchange.deadline_asked;
  if (!asked.empty() && !parse_deadline(asked, clock_.micros(exchange.loop.now()))) {
    return refused();
  }
  agree(exchange);
  return exchange.deadline ? handle_until(exchange, next) : next(exchange);
}

Task<Result<http::Response>> Deadline::handle_until(Exchange& exchange, Next next) {
  if (*exchange.deadline <= exchange.loop.now()) co_return std::unexpected(kPassed.error());
  const Until until(exchange, *exchange.deadline);
  co_return co_await next(exchange);
}

void Deadline::agree(Exchange& exchange) {
  const TimePoint now = exchange.loop.now();
  std::optional<Duration> least =
      asked_time(exchange.request.head.headers, exchange.deadline_asked, clock_.micros(now));
  if (policies_.deadline && (!least || *policies_.deadline < *least)) least = policies_.deadline;
  if (!least) return;
  const TimePoint until = exchange.started + *least;
  if (!exchange.deadline || until < *exchange.deadline) exchange.deadline = until;
}

}  // namespace outrigger::filters
