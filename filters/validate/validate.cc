#include "filters/validate/validate.h"

#include <optional>
#include <utility>

#include "filters/deadline/until.h"
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

// Nobody waits for a repair any more: the breaker must not take it for the upstream's failure.
constexpr CancelReason kRepairTime{Errc::kCancelled, Origin::kProxy, "repair_time"};

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
  std::optional<Until> repairs;  // of the calls, and of reading what they answer
  while (outcome && mender.looks_at(*outcome)) {
    Result<std::optional<Slice>> answer =
        co_await hold_body(outcome->body, route_.policies.commit.max_answer, *exchange.scope);
    if (!answer) {
      outcome = std::unexpected(std::move(answer).error());
      break;
    }
    const Mender::Step step = mender.judge(*outcome, *answer);
    if (step == Mender::Step::kPass) break;
    if (step == Mender::Step::kRefuse) co_return mender.refuse();
    if (!repairs) repairs.emplace(exchange, mender.time_left(), kRepairTime);
    outcome = co_await next(exchange);
  }
  repairs.reset();
  co_return mender.finish(std::move(outcome));
}

}  // namespace outrigger::filters
