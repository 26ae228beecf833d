#include "filters/circuit_breaker/passage.h"

#include <cassert>
#include <utility>

namespace outrigger::filters {
namespace {

void give_back(Permit& permit, TimePoint now) {
  const Permit mine = std::exchange(permit, {});
  if (mine.breaker != nullptr) mine.breaker->give_back(mine.pass, now);
}

}  // namespace

Passage::~Passage() {
  const TimePoint now = exchange_.loop.now();
  give_back(host_, now);
  give_back(key_, now);
}

void Passage::settle() {
  if (exchange_.attempts.size() == first_) return;
  const TimePoint now = exchange_.loop.now();
  Attempt& last = exchange_.attempts.back();
  if (last.status != 0 && host_.breaker != nullptr) {
    // A stream may last for long, and its connection is known to be well.
    const Permit host = std::exchange(host_, {});
    host.breaker->end(host.pass, last, now);
  }
  hand_over(std::exchange(host_, {}), last, now);
  if (!endpoint_) hand_over(std::exchange(key_, {}), last, now);
}

std::optional<Permit> Passage::take_endpoint(std::uint16_t endpoint) noexcept {
  if (endpoint_ != endpoint) return std::nullopt;
  endpoint_.reset();
  return std::exchange(key_, {});
}

void hand_over(Permit permit, Attempt& attempt, TimePoint now) {
  if (permit.breaker == nullptr) return;
  if (attempt.concluded) return permit.breaker->end(permit.pass, attempt, now);
  for (Permit& place : attempt.permits) {
    if (place.breaker != nullptr) continue;
    place = permit;
    return;
  }
  assert(false && "an attempt has a permit of the host and one of its key");
}

void end_permits(Attempt& attempt, TimePoint now) {
  for (Permit& place : attempt.permits) {
    const Permit permit = std::exchange(place, {});
    if (permit.breaker != nullptr) permit.breaker->end(permit.pass, attempt, now);
  }
}

}  // namespace outrigger::filters
