// validate: what a good answer looks like, and how one that does not is mended (llm 1
// "Output-fixing layers", 5 item 10). An answer of a model is held until it is whole and checked:
// its envelope, the structured output that its request asked for, the arguments of its tool calls,
// the schema of the configuration. What does not fit is mended without a model where that is
// possible, then by asking the model again, bounded in prompts, tokens and time; what still does
// not fit is an error. Stands around retry, so that what it asks goes through retry, breaker and
// limits too.
//
// An attempt whose answer does not fit stays `ok` for breaker, budget and log: the upstream is
// well. The outcome is the exchange's.
#pragma once

#include <memory>
#include <string_view>

#include "config/config.h"
#include "filters/filter.h"
#include "filters/validate/schema_cache.h"
#include "proxy/base/metrics.h"

namespace outrigger::filters {

// One route's validation, as its exchanges see it.
struct ValidateRoute {
  ValidateRoute(SchemaCache& schemas, const config::Policies& of, MetricShard& shard,
                std::string_view upstream);

  const config::Policies& policies;
  const config::Validate& validate;
  const bool shadow;
  SchemaCache& cache;
  SchemaCache::Schema schema;  // of the configuration; nullptr without one
  Counter ok, repaired, reprompted, failed, unchecked;
};

class Validate final : public Filter {
 public:
  // For a route that has a validate policy; all arguments outlive the filter. `upstream` is a
  // label.
  Validate(SchemaCache& schemas, const config::Policies& policies, MetricShard& metrics,
           std::string_view upstream)
      : route_(schemas, policies, metrics, upstream) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "validate"; }
  // Error, besides those of the attempts: kProtocol `invalid_response`, with what is wrong.
  Task<Result<http::Response>> handle(Exchange& exchange, Next next) override;

 private:
  ValidateRoute route_;
};

}  // namespace outrigger::filters
