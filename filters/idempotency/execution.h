// One execution of a key: the request, run through the rest of the chain for whoever asks for its
// answer, and for nobody when its clients have left. An exchange of its own, so that it outlives
// the client that began it; its answer goes into a recording that clients read. Lives on that
// client's worker.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "filters/filter.h"
#include "filters/idempotency/course.h"
#include "filters/idempotency/ledger.h"
#include "filters/recording/detached.h"
#include "filters/recording/orphan.h"
#include "filters/recording/recording.h"
#include "proxy/runtime/task_group.h"

namespace outrigger::filters {

class Execution final : public std::enable_shared_from_this<Execution>, private SendGate {
 public:
  struct Setup {
    Ledger& ledger;
    const config::Policies& policies;
    CancelScope& worker;
    Orphans& orphans;
    std::string key;
    RecordRules rules;
  };
  // Takes the request, which is all there, out of `client`. `claimed`: the ledger's kExecute.
  Execution(const Setup& setup, Exchange& client, Found claimed);
  ~Execution();

  // Runs in `group`, which outlives it.
  void start(TaskGroup& group, Next next);
  // Instead of start(): nothing is to be executed after all.
  void abandon(const Error& why) { give_up(why); }
  // The exchange that it is, as long as it lives.
  [[nodiscard]] std::shared_ptr<Detached> work() { return {shared_from_this(), &work_}; }

 private:
  static Task<void> run(std::shared_ptr<Execution> self, Next next);
  Task<void> execute(Next next);
  Task<Result<http::Response>> resolve(Next next);
  Task<Status> before_send(Exchange& sending) override;
  [[nodiscard]] ExecutionEnd end_of(int status) const noexcept;
  Task<void> record(http::Response response, ExecutionEnd ending);
  Task<Status> copy(http::Body& body, ExecutionEnd& ending);
  void keep(std::string_view bytes);
  Task<Status> commit(ExecutionEnd ending);
  void give_up(Error error);
  [[nodiscard]] std::vector<Occurrence> at_end(ExecutionEnd ending) const;
  [[nodiscard]] std::span<const Attempt> since_last_send() const noexcept;

  Ledger& ledger_;
  const config::Policies& policies_;
  const std::string key_;
  const RecordRules rules_;
  Record record_;  // as the ledger has it
  const std::shared_ptr<Recording> recording_;
  StoredAnswer answer_;
  std::string tail_;          // of the answer, not given to the ledger yet
  std::string held_;          // the end of the answer, which nobody may see before it is kept
  std::uint32_t chunks_ = 0;  // given to the ledger
  std::size_t since_ = 0;     // attempts that were reported with the last sending
  bool over_ = false;         // the ledger has it no more
  Detached work_;
  Exchange& exchange_;
  Orphan orphan_;  // last: it counts in the chain, which goes with the exchange
};

}  // namespace outrigger::filters
