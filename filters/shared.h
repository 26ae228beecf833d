// What the filters of all workers share: small, locked or atomic, each behind a type that says so.
// Belongs to the process and outlives the workers; survives reloads. Any thread.
#pragma once

#include <string>
#include <utility>

#include "filters/circuit_breaker/shared_breakers.h"
#include "filters/intake/intake.h"
#include "filters/retry/budget.h"
#include "filters/retry/cooldowns.h"
#include "proxy/runtime/file_thread.h"

namespace outrigger::filters {

struct Shared {
  // `scratch_folder`: where request bodies that are too large for memory are kept, without a name.
  Shared(SharedBreakers::Setup setup, SipKey key, const std::string& scratch_folder)
      : breakers(std::move(setup)),
        intake{{replay_memory, files, [scratch_folder] { return open_scratch(scratch_folder); }},
               key} {}

  SharedBreakers breakers;
  SharedBudgets budgets;
  SharedCooldowns cooldowns;
  ReplayMemory replay_memory;
  FileThread files;
  IntakeContext intake;
};

}  // namespace outrigger::filters
