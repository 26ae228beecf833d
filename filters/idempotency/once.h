// What requests with a key share: the ledger, and the secret that names records. Belongs to the
// process; any thread.
#pragma once

#include "filters/idempotency/ledger.h"
#include "filters/idempotency/record_secret.h"
#include "proxy/base/wall_clock.h"
#include "proxy/runtime/cancel.h"
#include "proxy/runtime/task_group.h"
#include "proxy/store/journal.h"

namespace outrigger::filters {

struct Once {
  explicit Once(store::Journal& journal) : ledger(journal, &WallClock::system) {}
  Ledger ledger;
  RecordSecret secret{};  // set before any chain has keys
};

// Where a worker's executions run.
struct Executions {
  explicit Executions(Dispatcher& loop) noexcept : group(loop) {}
  CancelScope scope;
  TaskGroup group;  // last: what runs in it uses the rest
};

}  // namespace outrigger::filters
