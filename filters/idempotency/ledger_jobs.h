// What the ledger has the journal do. Each is one batch, or shares one with others.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "filters/idempotency/question.h"
#include "filters/idempotency/record.h"
#include "filters/idempotency/records.h"
#include "proxy/base/result.h"
#include "proxy/runtime/cancel.h"
#include "proxy/runtime/dispatcher.h"
#include "proxy/store/journal.h"

namespace outrigger::filters {

// What a coroutine on a loop waits for. Outlives both it and the job.
template <class T>
struct Pending {
  Signal done;  // of the loop
  std::optional<Result<T>> value;
};

// Where a record is to be brought, and what is left of its execution with that.
struct Way {
  std::string key;
  std::vector<Occurrence> events;  // epoch and attempt are filled in
  RecordRules rules;
  std::optional<StoredAnswer> answer = {};
  std::string tail = {};  // its last chunk, where it is long
  bool leaves = false;    // the execution is over
};

using RecoveryDone = std::function<void(std::size_t unknown, std::size_t released)>;
struct Recovery {
  std::string from;  // the first mark that was not looked at
  std::size_t unknown = 0, released = 0;
  std::uint32_t failures = 0;
  RecoveryDone done;
};

[[nodiscard]] Error store_error(std::string_view reason, std::string detail);

// `records` and the loops outlive the jobs; a null loop: nobody waits.
std::unique_ptr<store::Job> ask_job(Records& records, Question question, Dispatcher& loop,
                                    std::shared_ptr<Pending<Found>> pending);
std::unique_ptr<store::Job> step_job(Records& records, Way way, Dispatcher* loop,
                                     std::shared_ptr<Pending<Step>> pending);
std::unique_ptr<store::Job> chunk_job(Records& records, std::string key, std::string name,
                                      std::string bytes);
// `again`: there is more to do.
std::unique_ptr<store::Job> recover_job(Records& records, Recovery so_far,
                                        std::function<void(Recovery)> again);
std::unique_ptr<store::Job> sweep_job(Records& records, std::function<void()> again);

}  // namespace outrigger::filters
