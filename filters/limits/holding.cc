#include "filters/limits/holding.h"

#include <algorithm>
#include <span>
#include <utility>

namespace outrigger::filters {
namespace {

std::span<const Attempt> attempts_of(const Exchange& exchange, const LimitHold& hold) noexcept {
  return std::span<const Attempt>(exchange.attempts).subspan(hold.first, hold.end - hold.first);
}

bool reached(const Attempt& attempt) noexcept {
  if (attempt.concluded && attempt.verdict == Verdict::kRefusedUnsent) return false;
  return attempt.status != 0 || attempt.phase > Phase::kNothingAccepted;
}

bool all_ended(const Exchange& exchange, const LimitHold& hold) noexcept {
  return std::ranges::all_of(attempts_of(exchange, hold), &Attempt::concluded);
}

// The last attempt's verdict is that of the try; the others were in vain, or lost a race.
void give_back(const Exchange& exchange, const LimitHold& hold) {
  LimitEnding ending{.taken = hold.taken, .started = hold.since};
  std::uint32_t sent = 0;
  for (const Attempt& attempt : attempts_of(exchange, hold)) {
    if (attempt.concluded) ending.verdict = attempt.verdict;
    if (attempt.usage) ending.used = attempt.usage;
    if (reached(attempt)) ++sent;
  }
  ending.reached = sent > 0;
  ending.more_sent = sent > 1 ? sent - 1 : 0;
  hold.limit->conclude(ending, exchange.loop.now());
}

}  // namespace

Holding::Holding(Exchange& exchange, AttemptObserver& by, PinnedLimit limit,
                 const Load& load) noexcept
    : exchange_(exchange), by_(by), pin_(std::move(limit)) {
  hold_ = {.by = &by,
           .limit = &*pin_,
           .first = exchange.attempts.size(),
           .end = 0,
           .since = exchange.loop.now(),
           .taken = load};
}

Holding::~Holding() {
  if (!pin_) return;
  hold_.end = exchange_.attempts.size();
  give_back(exchange_, hold_);
}

void Holding::settle() {
  hold_.end = exchange_.attempts.size();
  if (all_ended(exchange_, hold_)) {
    give_back(exchange_, hold_);
    pin_ = {};
    return;
  }
  exchange_.when_concluded(by_);
  exchange_.held.push_back(hold_);
  pin_.keep();
}

void release_ended(Exchange& exchange, const AttemptObserver& by, const Attempt& ended) {
  const auto index = static_cast<std::size_t>(&ended - exchange.attempts.data());
  std::erase_if(exchange.held, [&](const LimitHold& hold) {
    if (hold.by != &by || index < hold.first || index >= hold.end) return false;
    if (!all_ended(exchange, hold)) return false;
    give_back(exchange, hold);
    PinnedLimit::drop(*hold.limit);
    return true;
  });
}

}  // namespace outrigger::filters
