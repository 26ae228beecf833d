// idempotency: a request with a key is executed once (durability 4). The first runs on its own, in
// an Execution; it and its repetitions read the answer that comes of it, whoever of them leaves.
// Later ones get it from the store.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "config/config.h"
#include "filters/filter.h"
#include "filters/idempotency/event_ids.h"
#include "filters/idempotency/execution.h"
#include "filters/idempotency/once.h"
#include "filters/idempotency/request_key.h"
#include "proxy/base/metrics.h"
#include "proxy/runtime/file_thread.h"

namespace outrigger::filters {

// What the filters of one worker share; outlives them.
struct IdempotencyContext {
  Once& once;
  FileRunner& files;
  Executions& executions;
  MetricShard& metrics;
};

class Idempotency final : public Filter {
 public:
  // For a route with an idempotency policy; all arguments outlive the filter.
  Idempotency(const IdempotencyContext& context, const config::Policies& policies,
              std::string_view upstream);
  [[nodiscard]] std::string_view name() const noexcept override { return "idempotency"; }
  // Errors: kProtocol of the client, of its key and body; kOverload with the reasons of
  // Ledger::ask, `idempotency_in_flight`, `idempotency_key_reused`, `outcome_unknown`,
  // `dead_lettered`, `answer_gone`; those of the execution.
  Task<Result<http::Response>> handle(Exchange& exchange, Next next) override;

 private:
  struct Call;  // what is known of one request's key
  using Outcome = Task<Result<http::Response>>;

  [[nodiscard]] bool may_have_key(const Exchange& exchange) const;
  Outcome look(Exchange& exchange, Next next);
  Outcome handle_once(Exchange& exchange, Next next, RequestKey key);
  Task<Status> read_request(Exchange& exchange, Call& call) const;
  Task<Result<Found>> ask(Exchange& exchange, Call& call) const;
  Outcome execute(Exchange& exchange, Next next, Call call, Found claimed);
  Outcome join(Exchange& exchange, Found running, std::uint64_t from) const;
  // A client that goes on behind what it has of a stream.
  Outcome resume(Exchange& exchange, Next next);
  [[nodiscard]] http::Response with_ids(http::Response response, StreamPosition from) const;
  [[nodiscard]] http::Response replay(Exchange& exchange, Found found, std::uint64_t from) const;
  [[nodiscard]] std::unexpected<Error> refuse(Exchange& exchange, Reply why,
                                              const Found& found) const;
  Status tell_upstream(Exchange& exchange, const Call& call, std::uint32_t generation) const;
  [[nodiscard]] RecordRules rules_for(const Exchange& exchange, const RequestKey& key) const;
  [[nodiscard]] bool tells_upstream(const RequestKey& key) const noexcept;
  void mark(Exchange& exchange, http::Response& response, const Found& from) const;
  void count(std::string_view outcome) const;

  const IdempotencyContext context_;
  const config::Policies& policies_;
  const config::Idempotency& policy_;
  const std::string upstream_;
  Orphans orphans_;
};

}  // namespace outrigger::filters
