// What the filters of all workers share: small, locked or atomic, each behind a type that says so.
// Belongs to the process and outlives the workers; survives reloads. Any thread.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "filters/cache/shared_answers.h"
#include "filters/circuit_breaker/shared_breakers.h"
#include "filters/credentials/key_ring.h"
#include "filters/hedge/shared_hedges.h"
#include "filters/idempotency/once.h"
#include "filters/intake/intake.h"
#include "filters/limits/shared_limits.h"
#include "filters/loop_guard/failure_memory.h"
#include "filters/overload/pressure.h"
#include "filters/retry/budget.h"
#include "filters/retry/cooldowns.h"
#include "proxy/runtime/file_thread.h"

namespace outrigger::filters {

struct Shared {
  // Request bodies that are too large for memory are kept, without a name, in the data folder, or
  // in `temporary` while that is not there.
  Shared(SharedBreakers::Setup setup, SipKey key, const std::string& data,
         const std::string& temporary)
      : breakers(std::move(setup)),
        intake{{replay_memory, files,
                [data, temporary] {
                  Result<Fd> kept = open_scratch(data);
                  return kept ? std::move(kept) : open_scratch(temporary);
                }},
               key,
               &pressure} {}

  SharedBreakers breakers;
  SharedBudgets budgets;
  SharedCooldowns cooldowns;
  SharedHedges hedges;
  SharedKeys keys;
  FailureMemory failures;
  Pressure pressure;
  SharedLimits limits;
  ReplayMemory replay_memory;
  FileThread files;
  IntakeContext intake;
  // Set before any worker is there.
  std::optional<Once> once;
  std::optional<SharedAnswers> cached;
};

}  // namespace outrigger::filters
