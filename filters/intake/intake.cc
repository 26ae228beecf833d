#include "filters/intake/intake.h"

#include <algorithm>
#include <utility>

#include "filters/credentials/credentials.h"
#include "filters/intake/request_facts.h"
#include "filters/retry/safety.h"

namespace outrigger::filters {
namespace {

// Sizes of the parts of a body in which the model is looked for: each four times the last, so that
// a body that trickles in is not read over and over.
constexpr std::size_t kFirstLook = 1024;
constexpr std::size_t kGrowth = 4;
// Of a body, so much may still be kept when the process has little of something.
constexpr std::uint64_t kSpared = 64 * 1024;

// How much of a body others want again.
std::uint64_t kept_bytes(const config::Policies& policies) noexcept {
  if (policies.retry) return policies.retry->buffer;
  const bool again = policies.hedge || !policies.fallback.empty() || policies.idempotency ||
                     (policies.cache && policies.cache->ttl);
  if (signs(policies) || again) {
    return config::Retry{}.buffer;
  }
  // Repairs, and the schema that the request asks for, come from what is in memory only.
  const bool repaired =
      policies.validate && policies.validate->what == config::ValidateWhat::kContent;
  return policies.loop_guard || repaired ? ReplayBody::kInMemory : 0;
}

}  // namespace

Intake::Intake(const IntakeContext& context, const config::Policies& policies)
    : context_(context),
      policies_(policies),
      needs_model_(needs_model(policies)),
      needs_beginning_(policies.commit.keep_alive.has_value() ||
                       (policies.rate_limit && policies.rate_limit->tokens)) {}

// No frame of its own where there is nothing to wait for.
Task<Result<http::Response>> Intake::handle(Exchange& exchange, Next next) {
  http::Request& request = exchange.request;
  exchange.credential = credential_of(request.head, context_.credential_key);
  exchange.sent_credential = exchange.credential;
  keep_body(exchange);
  if (needs_model_) exchange.model = model_of_target(request.head.target);
  Wanted wanted;
  if ((needs_model_ || needs_beginning_) && is_json(request.head.headers)) {
    wanted = {needs_beginning_ ? kModelPrefix : 0, needs_model_ && exchange.model.empty()};
  }
  if (is_hedged(request.head.method)) wanted.ahead = ReplayBody::kInMemory;
  if (wanted.ahead == 0 && !wanted.model) return next(exchange);
  return handle_after_reading(exchange, next, wanted);
}

// Such a request is read before anyone counts it as begun: a breaker's probe is not for the time
// that a client takes to send its body.
bool Intake::is_hedged(http::Method method) const noexcept {
  return policies_.hedge && replay_class(policies_, method, KeySent::kNo) == config::Replay::kSafe;
}

// A body in one buffer can be sent again as it is.
void Intake::keep_body(Exchange& exchange) const {
  const bool looked_into =
      (needs_model_ || needs_beginning_) && is_json(exchange.request.head.headers);
  const std::uint64_t wanted = kept_bytes(policies_);
  if (wanted == 0 && !policies_.retry && !looked_into) return;
  // A signature needs the whole body: without it the request could not be sent at all.
  const bool spares = context_.pressure != nullptr && context_.pressure->spares() &&
                      !signs(policies_) && wanted > kSpared;
  const ReplayBody::Most most{spares ? kSpared : wanted, spares ? "overload" : "body_over_buffer"};
  const auto length = exchange.request.body.length();
  exchange.request.body.wrap_source([&](std::unique_ptr<http::BodySource> inner) {
    auto body = std::make_unique<ReplayBody>(exchange.loop, context_.replay, std::move(inner), most,
                                             length);
    exchange.replay = body.get();
    return body;
  });
}

Task<Result<http::Response>> Intake::handle_after_reading(Exchange& exchange, Next next,
                                                          Wanted wanted) const {
  if (wanted.ahead > 0 && exchange.replay != nullptr && !exchange.replay->ended()) {
    CO_TRY(co_await exchange.replay->read_ahead(wanted.ahead, *exchange.scope));
  }
  if (wanted.model) CO_TRY(co_await model_of_body(exchange));
  co_return co_await next(exchange);
}

Task<Status> Intake::model_of_body(Exchange& exchange) {
  ModelSearch search;
  if (const Slice* whole = exchange.request.body.whole()) {
    search = find_model(whole->view());
  } else {
    for (std::size_t size = kFirstLook;; size = std::min(size * kGrowth, kModelPrefix)) {
      CO_TRY(co_await exchange.replay->read_ahead(size, *exchange.scope));
      search = find_model(exchange.replay->prefix(kModelPrefix));
      const bool all = exchange.replay->ended() || size == kModelPrefix;
      if (search.state != ModelSearch::State::kMore || all) break;
    }
  }
  if (search.state == ModelSearch::State::kFound) {
    exchange.model = exchange.request.head.headers.intern(search.model);
  }
  co_return Status{};
}

}  // namespace outrigger::filters
