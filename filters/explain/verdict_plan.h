// What the policies of a route would do after an attempt with each verdict: for `outrigger
// explain`. Pure, and no table of its own: it asks the functions that the filters ask. A policy in
// shadow decides as any other; that nothing comes of it is for the reader to say.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/policies.h"
#include "filters/circuit_breaker/outcome.h"
#include "filters/retry/backoff.h"
#include "filters/retry/cooldowns.h"
#include "filters/retry/decision.h"

namespace outrigger::filters {

// What is known of the request.
struct PlannedRequest {
  const config::Policies& policies;
  std::string_view upstream = {};
  std::string_view model = {};  // empty: not known
  config::Replay replay = config::Replay::kUnsent;
  bool body_replayable = true;
  std::optional<Duration> deadline = {};
};

inline constexpr std::size_t kPhases = 6;

// After a first attempt that got so far.
struct PhasePlan {
  Decision decision;                               // without a hint, with the shortest wait
  CallOutcome connection = CallOutcome::kNeutral;  // for the breaker of the upstream's connections
  CallOutcome call = CallOutcome::kNeutral;        // for the breaker of the policy's key
};

struct FallbackPlan {
  std::size_t index = 0;   // in the policy
  std::string_view model;  // that is asked for; empty: the request's, where that is not known
  std::string_view upstream;
};

// The answer when nothing more is tried.
struct LastWord {
  Stop stop = Stop::kNone;  // why
  int status = 0;           // 0: the upstream's own, or that of the failure
  // Whether x-should-retry: false is put on it; kByStatus: on a 408, 409, 429 or 5xx.
  enum class Stops : std::uint8_t { kNo, kYes, kByStatus } stops_clients = Stops::kNo;
  bool hint_told = false;  // the server's hint goes into Retry-After
};

struct VerdictPlan {
  config::FallbackOn on{};  // a verdict, or a refusal of the proxy's own
  std::array<PhasePlan, kPhases> phases = {};
  std::vector<config::WaitRange> waits =
      {};  // before each repetition, where the server says nothing
  std::optional<CooldownKey> cooldown = {};  // begun for whom
  std::optional<Duration> unhinted = {};     // its length where the server names none
  std::vector<FallbackPlan> fallbacks = {};  // in order
  LastWord last;

  [[nodiscard]] std::optional<Verdict> verdict() const noexcept;  // of an attempt
  [[nodiscard]] std::string_view name() const noexcept;
  [[nodiscard]] const PhasePlan& at(Phase phase) const noexcept {
    return phases[static_cast<std::size_t>(phase)];
  }
};

// What retry decides of the `tries`-th attempt, when it waits for `backoff` and `elapsed` is over.
// Without a retry policy it is neither again nor has it a reason.
[[nodiscard]] Decision planned_decision(const PlannedRequest& request, Verdict verdict, Phase phase,
                                        std::uint32_t tries = 1, Duration backoff = Duration{0},
                                        Duration elapsed = Duration{0});

// One for each verdict, in their order; then `breaker_open` where there is a breaker, and `limited`
// where a limit or a cooldown may refuse.
[[nodiscard]] std::vector<VerdictPlan> plan_verdicts(const PlannedRequest& request);

}  // namespace outrigger::filters
