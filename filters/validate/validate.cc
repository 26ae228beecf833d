#include "filters/validate/validate.h"

#include <optional>
#include <utility>

#include "filters/validate/held_body.h"
#include "filters/validate/mender.h"

namespace outrigger::filters {
namespace {

SchemaCache::Schema compiled(const config::Validate& validate) {
  if (validate.schema.empty()) return nullptr;
  auto schema =
      config::JsonSchema::compile(validate.schema, config::JsonSchema::Written::kInConfiguration);
  // The configuration was checked; what it cannot say here it does not say.
  if (!schema) return std::make_shared<const config::JsonSchema>(config::JsonSchema::any());
  return std::make_shared<const config::JsonSchema>(std::move(*schema));
}

// Ends what runs when the time of the repairs is over. Nobody waits for it then: the breaker must
// not take it for the upstream's failure.
class Within {
 public:
  Within(Exchange& exchange, Duration time)
      : exchange_(exchange), scope_(*exchange.scope), timer_(exchange.loop, scope_) {
    timer_.start(time, {Errc::kCancelled, Origin::kProxy, "repair_time"});
    outer_ = std::exchange(exchange_.scope, &scope_);
  }
  Within(const Within&) = delete;
  Within& operator=(const Within&) = delete;
  ~Within() { exchange_.scope = outer_; }

 private:
  Exchange& exchange_;
  CancelScope scope_;
  DeadlineTimer timer_;
  CancelScope* outer_ = nullptr;
};

Task<Result<http::Response>> ask_again(Exchange& exchange, Next next, Duration time) {
  const Within within(exchange, time);
  Result<http::Response> outcome = co_await next(exchange);
  co_return outcome;
}

}  // namespace

ValidateRoute::ValidateRoute(SchemaCache& schemas, const config::Policies& of, MetricShard& shard,
                             std::string_view upstream)
    : policies(of),
      validate(*of.validate),
      shadow(of.shadowed(config::Shadowed::kValidate)),
      cache(schemas),
      schema(compiled(validate)),
      ok(shard.counter(Metric::kValidations, {upstream, "ok"})),
      repaired(shard.counter(Metric::kValidations, {upstream, "repaired"})),
      reprompted(shard.counter(Metric::kValidations, {upstream, "reprompted"})),
      failed(shard.counter(Metric::kValidations, {upstream, "failed"})),
      unchecked(shard.counter(Metric::kValidations, {upstream, "unchecked"})) {}

Task<Result<http::Response>> Validate::handle(Exchange& exchange, Next next) {
  Mender mender(route_, exchange);
  Result<http::Response> outcome = co_await next(exchange);
  if (outcome && mender.may_reformulate(*outcome)) {
    CO_TRY(const std::optional<Slice> error,
           co_await hold_body(outcome->body, Mender::kMaxError, *exchange.scope));
    if (error && mender.reformulate(outcome->head, error->view())) {
      outcome = co_await next(exchange);
    }
  }
  while (outcome && mender.looks_at(*outcome)) {
    CO_TRY(const std::optional<Slice> answer,
           co_await hold_body(outcome->body, route_.policies.commit.max_answer, *exchange.scope));
    const Mender::Step step = mender.judge(*outcome, answer);
    if (step == Mender::Step::kPass) break;
    if (step == Mender::Step::kRefuse) co_return mender.refuse();
    outcome = co_await ask_again(exchange, next, mender.time_left());
  }
  co_return mender.finish(std::move(outcome));
}

}  // namespace outrigger::filters
