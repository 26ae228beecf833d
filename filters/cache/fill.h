// A request on its way to the upstream for whoever asks for its answer, and for the cache. An
// exchange of its own, which outlives the client that began it. Lives on that client's worker.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "filters/cache/answer_keeper.h"
#include "filters/cache/shared_answers.h"
#include "filters/filter.h"
#include "filters/recording/detached.h"
#include "filters/recording/orphan.h"
#include "proxy/runtime/task_group.h"

namespace outrigger::filters {

class Fill final : public std::enable_shared_from_this<Fill> {
 public:
  struct Setup {
    SharedAnswers& shared;
    const config::Policies& policies;
    CancelScope& worker;
    Orphans& orphans;
    CacheKey key;  // of the flight
  };
  // Takes the request, which is all there, out of `client`. `flight` is led by the caller.
  Fill(const Setup& setup, Exchange& client, Detached::Coding coding,
       std::shared_ptr<Flight> flight, std::unique_ptr<AnswerKeeper> keeper);
  ~Fill();
  Fill(const Fill&) = delete;
  Fill& operator=(const Fill&) = delete;

  // Runs in `group`, which outlives it.
  void start(TaskGroup& group, Next next);
  // The exchange that it is, as long as it lives.
  [[nodiscard]] std::shared_ptr<Detached> work() { return {shared_from_this(), &work_}; }

 private:
  static Task<void> run(std::shared_ptr<Fill> self, Next next);
  Task<void> execute(Next next);
  void take_whole(std::string_view bytes);
  Task<Result<Slice>> copy(http::Body& body);
  void keep(std::string_view bytes);
  void store();
  void land();
  void give_up(Error error);

  const Setup setup_;
  const std::shared_ptr<Flight> flight_;
  const std::unique_ptr<AnswerKeeper> keeper_;
  bool keeps_ = false;
  bool over_ = false;
  std::uint64_t bytes_ = 0;
  std::vector<std::string> body_;  // as far as it is to be kept
  Detached work_;
  Exchange& exchange_;
  Orphan orphan_;  // last: it counts in the chain, which goes with the exchange
};

}  // namespace outrigger::filters
