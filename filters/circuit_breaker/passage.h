// The permits of one attempt on their way into its record. Lives in the frame of one handle():
// whatever becomes of that, each permit is ended exactly once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "filters/circuit_breaker/shared_breaker.h"
#include "filters/exchange.h"

namespace outrigger::filters {

class Passage {
 public:
  explicit Passage(Exchange& exchange) noexcept
      : exchange_(exchange), first_(exchange.attempts.size()) {}
  Passage(const Passage&) = delete;
  Passage& operator=(const Passage&) = delete;
  ~Passage();  // gives back what no attempt took

  void hold_host(Permit permit) noexcept { host_ = permit; }
  void hold_key(Permit permit) noexcept { key_ = permit; }
  // For the attempt that goes to this endpoint, if one does.
  void hold_endpoint(Permit permit, std::uint16_t endpoint) noexcept {
    key_ = permit;
    endpoint_ = endpoint;
  }
  [[nodiscard]] bool holds_endpoint() const noexcept { return endpoint_.has_value(); }

  // The attempts that were made since the passage began.
  [[nodiscard]] std::size_t first() const noexcept { return first_; }
  // Hands host's and key's permit to the last of them; the host's ends once an answer began.
  void settle();
  // The held endpoint's permit, if it is of this endpoint.
  [[nodiscard]] std::optional<Permit> take_endpoint(std::uint16_t endpoint) noexcept;

 private:
  Exchange& exchange_;
  const std::size_t first_;
  Permit host_;
  Permit key_;
  std::optional<std::uint16_t> endpoint_;
};

// Gives the permit to an attempt, whose end will end it; or ends it at once, when the attempt is
// concluded already.
void hand_over(Permit permit, Attempt& attempt, TimePoint now);
// Ends the permits of a concluded attempt.
void end_permits(Attempt& attempt, TimePoint now);

}  // namespace outrigger::filters
