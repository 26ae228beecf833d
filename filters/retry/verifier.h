// Finds out whether a write that was lost on its way has happened (`replay: verify`), by asking the
// upstream with a GET of the configuration, through the same filters as an attempt. What the answer
// means is decided here:
//   found      the write happened: the probe's answer becomes the exchange's, marked
//              `Outrigger-Verified: found`; the client gets the state that it asked for
//   missing    `negatives` times, each `settle` after the last look: it did not happen, and may be
//              sent again
//   otherwise  nobody knows: problem `unknown_outcome`, and it is not sent again
#pragma once

#include <optional>
#include <string>

#include "config/policies.h"
#include "filters/filter.h"

namespace outrigger::filters {

class Verifier {
 public:
  // All outlive it.
  Verifier(const config::Verify& verify, Exchange& exchange, Next next) noexcept
      : verify_(verify), exchange_(exchange), next_(next) {}

  // The answer of a probe that found it; nothing when it may be sent again. `body` is the
  // request's. Error: `unknown_outcome`, or why the exchange has ended.
  Task<Result<std::optional<http::Response>>> ask(std::optional<std::string> body);

 private:
  Task<Result<http::Response>> probe(std::string_view target);
  [[nodiscard]] std::optional<std::string> target_for(const std::optional<std::string>& body) const;
  [[nodiscard]] bool time_to_settle() const noexcept;

  const config::Verify& verify_;
  Exchange& exchange_;
  Next next_;
};

}  // namespace outrigger::filters
