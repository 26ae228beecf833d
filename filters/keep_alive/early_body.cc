#include "filters/keep_alive/early_body.h"

#include <exception>
#include <string>
#include <utility>

#include "filters/classify/answer_kind.h"
#include "proxy/http/dialect_error.h"
#include "proxy/http/problem.h"
#include "proxy/http/status.h"

namespace outrigger::filters {
namespace {

constexpr std::string_view kComment = ": outrigger keeps the connection alive\n\n";
constexpr std::string_view kTick = "keep_alive";

}  // namespace

void EarlyBody::start(Next next) {
  // From the loop, when the chain's frame is gone: whoever hears of it may destroy this.
  chain_.on_empty([this] { answered_.notify(); });
  chain_.spawn(run(*this, next));
}

// An exception is a bug that costs this exchange, here as in the root of every other.
Task<void> EarlyBody::run(EarlyBody& self, Next next) {
  try {
    self.outcome_ = co_await next(self.exchange_);
  } catch (const std::exception& bug) {
    self.outcome_ = fail(Errc::kInternal, Origin::kProxy, "proxy_internal_error", bug.what());
  }
}

Task<Result<EarlyBody::Waited>> EarlyBody::wait(CancelScope& scope) {
  CancelScope one_interval(scope);
  DeadlineTimer timer(exchange_.loop, one_interval);
  timer.start(interval_, {Errc::kTimeout, Origin::kProxy, kTick});
  const Status waited = co_await answered_.wait(one_interval);
  if (waited) co_return Waited::kAnswered;
  if (waited.error().reason == kTick) co_return Waited::kTick;
  co_return std::unexpected(waited.error());
}

Task<Result<Slice>> EarlyBody::read(CancelScope& scope) {
  if (failure_) co_return std::unexpected(*failure_);
  if (!passing_) {
    CO_TRY(const Waited waited, co_await wait(scope));
    if (waited == Waited::kTick) co_return Slice::literal(kComment);
    CO_TRY(Slice event, begin_passing());
    if (!event.empty()) co_return event;
  }
  Result<Slice> bytes = co_await (*outcome_)->body.read(scope);
  co_return bytes;
}

// The answer is there: its body from now on, or what says that there is none.
Result<Slice> EarlyBody::begin_passing() {
  if (!*outcome_) {
    const http::ProblemKind& kind = http::problem_kind(outcome_->error());
    return tell(outcome_->error(), kind.code, kind.title);
  }
  const http::ResponseHead& head = (*outcome_)->head;
  passing_ = http::is_success(head.status) && is_event_stream(head.headers);
  if (passing_) return Slice{};
  const Attempt* last = exchange_.attempts.empty() ? nullptr : &exchange_.attempts.back();
  const std::string_view code =
      last == nullptr || last->error.empty() ? "upstream_refused" : last->error;
  const std::string message = "The upstream answered with status " + std::to_string(head.status);
  return tell({Errc::kProtocol, Origin::kUpstream, Phase::kCommitted, "http_protocol_error", {}},
              code, message);
}

Slice EarlyBody::tell(Error error, std::string_view code, std::string_view message) {
  failure_ = std::move(error);
  return Slice::copy(http::error_event(dialect_, code, message, 0));
}

}  // namespace outrigger::filters
