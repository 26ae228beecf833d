#include "filters/deadline/deadline.h"

#include "filters/deadline/deadlines.h"
#include "filters/deadline/until.h"

namespace outrigger::filters {
namespace {

constexpr CancelReason kPassed{Errc::kTimeout, Origin::kProxy, "deadline_exceeded"};

Task<Result<http::Response>> refused() {
  co_return fail(
      Errc::kProtocol, Origin::kClient, "http_request_error",
      "Outrigger-Deadline is neither a duration with its unit (30s, 1m30s) nor a time of "
      "day (2026-01-31T12:00:00Z)");
}

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
  const Duration left = *exchange.deadline - exchange.loop.now();
  if (left <= Duration{0}) co_return std::unexpected(kPassed.error());
  const Until until(exchange, left, kPassed);
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
