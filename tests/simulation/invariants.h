// What must hold of each visit, and of all retries together, when a world has come to rest
// (resilience 5.4).
#pragma once

#include <vector>

#include "tests/simulation/ledger.h"
#include "tests/simulation/referee.h"

namespace outrigger::simulation {

// One end with a reason, bytes of one attempt, each attempt concluded once.
void check_visit(Ledger& ledger, const Visit& visit);
// No window has more retries than its floor and the share that its requests earned.
// No route has more hedges than its requests have paid for, and the one that is free of each model.
void check_hedges(Ledger& ledger);
void check_budgets(Ledger& ledger, const std::vector<Referee::Spent>& spent);

}  // namespace outrigger::simulation
