// Where the requests of one filter wait for their turn at its limits. One a filter, on its worker's
// thread.
#pragma once

#include <string>
#include <string_view>

#include "filters/exchange.h"
#include "filters/limits/shared_limit.h"
#include "proxy/base/metrics.h"

namespace outrigger::filters {

class Line {
 public:
  struct Words {
    std::string_view refusal;  // the error's reason: a literal
    std::string_view limit;    // "the rate limit": a literal
  };
  // `queue` outlives the line.
  Line(const config::LimitQueue& queue, std::string_view upstream, const Words& words,
       MetricShard& metrics);

  // Returns when `load` was taken. Errors: kOverload of the proxy with the reason of refusal, and
  // a retry_after, when its turn would not come in time, or did not; whatever ends the exchange.
  Task<Status> wait(Exchange& exchange, SharedLimit& limit, Load load) const;

 private:
  [[nodiscard]] std::unexpected<Error> refuse(Exchange& exchange, std::string_view why,
                                              std::optional<Duration> come_back) const;

  const config::LimitQueue& queue_;
  const std::string upstream_;
  const Words words_;
  const Histogram waited_;
};

// Whom the queue holds equal with others: the execution that the client names, else its credential,
// else its address.
[[nodiscard]] std::uint64_t caller_of(const Exchange& exchange);

}  // namespace outrigger::filters
