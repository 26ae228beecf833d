#include "filters/circuit_breaker/shared_breaker.h"

#include <limits>

#include "filters/circuit_breaker/upstream_breakers.h"
#include "filters/exchange.h"

namespace outrigger::filters {
namespace {

constexpr std::uint64_t word_of(const Breaker& breaker) noexcept {
  return std::uint64_t{breaker.era()} << 32 | std::uint64_t(breaker.state()) << 1 |
         (breaker.quiet() ? 1u : 0u);
}
constexpr bool quiet_in(std::uint64_t word) noexcept {
  return (word & 1) != 0;
}
constexpr std::uint32_t era_in(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>(word >> 32);
}

// One for which outcome.h needs no more of the policy than this limit.
bool is_plain_success(BreakerKind kind, const Attempt& attempt, Duration slow_after) noexcept {
  if (kind == BreakerKind::kHost) return attempt.status != 0;
  if (attempt.verdict != Verdict::kOk || attempt.failed) return false;
  return attempt.scope == config::Scope::kDefault &&
         attempt.answered.value_or(attempt.ended) - attempt.started <= slow_after;
}

}  // namespace

std::string_view to_string(BreakerKind kind) noexcept {
  constexpr std::string_view kNames[] = {"host", "upstream", "key", "overflow"};
  return kNames[static_cast<std::size_t>(kind)];
}

SharedBreaker::SharedBreaker(UpstreamBreakers& owner, BreakerKind kind, const KeyView& key,
                             BreakerPolicy policy, std::uint64_t seed, TimePoint now)
    : owner_(owner),
      kind_(kind),
      model_(key.model),
      endpoint_(key.endpoint),
      key_{.model = model_, .credential = key.credential, .endpoint = endpoint_},
      random_(seed),
      breaker_(std::move(policy), now) {
  if (owner_.disabled()) breaker_.force_close(now);
  fold();
  publish();
}

BreakerState SharedBreaker::state() const noexcept {
  return static_cast<BreakerState>(word_.load(std::memory_order_relaxed) >> 1 & 7);
}
bool SharedBreaker::quiet() const noexcept {
  return quiet_in(word_.load(std::memory_order_relaxed));
}
void SharedBreaker::publish() noexcept {
  word_.store(word_of(breaker_), std::memory_order_relaxed);
  const std::optional<TimePoint> until = breaker_.only_counts_until();
  only_counts_until_.store(until ? until->since_start.count() : 0, std::memory_order_relaxed);
  const auto& slow = breaker_.policy().slow;
  slow_after_.store(slow ? slow->first_event.count() : std::numeric_limits<std::int64_t>::max(),
                    std::memory_order_relaxed);
}

// What was counted without the lock, in the order of the calls as far as there is one.
void SharedBreaker::fold() noexcept {
  breaker_.add_successes(successes_.take(breaker_.era()));
}

// What changes is noted before the next change can come, and told when nothing is locked.
template <class Action>
void SharedBreaker::change(TimePoint now, Action action) {
  std::optional<BreakerChange> changed;
  std::optional<Duration> wait;
  {
    const std::scoped_lock lock(mutex_);
    fold();
    const std::uint32_t era = breaker_.era();
    action(breaker_);
    publish();
    if (breaker_.era() != era) {
      (void)successes_.take(breaker_.era());  // late ones of the era that ended
      changed = breaker_.last_change();
      wait = breaker_.retry_after(now);
      owner_.note(*this, *changed, now, wait);
    }
  }
  if (changed) owner_.tell(*this, *changed, wait);
}

std::optional<Permit> SharedBreaker::ask_quietly() noexcept {
  // A pass of a state that ends just now is of the era before: its outcome will be ignored.
  const std::uint64_t word = word_.load(std::memory_order_relaxed);
  if (!quiet_in(word)) return std::nullopt;
  permits_.fetch_add(1, std::memory_order_relaxed);
  return Permit{this, Pass{era_in(word)}};
}

std::expected<Permit, Refused> SharedBreaker::ask(TimePoint now) {
  if (const std::optional<Permit> permit = ask_quietly()) return *permit;
  std::expected<Permit, Refused> answer;
  change(now, [&](Breaker& breaker) {
    const std::expected<Pass, Refusal> pass = breaker.ask(now, random_.unit());
    if (pass) {
      permits_.fetch_add(1, std::memory_order_relaxed);
      answer = Permit{this, *pass};
      return;
    }
    answer = std::unexpected(Refused{.why = pass.error(),
                                     .state = breaker.state(),
                                     .kind = kind_,
                                     .because = breaker.last_change().because,
                                     .retry_after = breaker.retry_after(now)});
  });
  return answer;
}

std::optional<Permit> SharedBreaker::permit_since(TimePoint started, TimePoint now) {
  std::optional<Permit> permit;
  change(now, [&](Breaker& breaker) {
    breaker.advance(now, random_.unit());
    if (breaker.state() != BreakerState::kClosed || started < breaker.since()) return;
    permits_.fetch_add(1, std::memory_order_relaxed);
    permit = Permit{this, Pass{breaker.era()}};
  });
  return permit;
}

bool SharedBreaker::counts_quietly(Pass pass, const Attempt& attempt, TimePoint now) noexcept {
  const Duration slow_after{slow_after_.load(std::memory_order_relaxed)};
  if (pass.probe() || !is_plain_success(kind_, attempt, slow_after)) return false;
  if (now.since_start.count() >= only_counts_until_.load(std::memory_order_relaxed)) return false;
  return successes_.add(pass.era);
}

void SharedBreaker::end(Pass pass, const Attempt& attempt, TimePoint now) {
  if (counts_quietly(pass, attempt, now)) {
    permits_.fetch_sub(1, std::memory_order_release);
    return;
  }
  change(now, [&](Breaker& breaker) {
    const Ending ending =
        kind_ == BreakerKind::kHost ? of_connection(attempt) : of_call(attempt, breaker.policy());
    breaker.conclude(pass, ending, now, random_.unit());
  });
  permits_.fetch_sub(1, std::memory_order_release);  // it may be forgotten from here on
}

void SharedBreaker::give_back(Pass pass, TimePoint now) {
  if (pass.probe()) {
    change(now, [&](Breaker& breaker) { breaker.conclude(pass, {}, now, random_.unit()); });
  }
  permits_.fetch_sub(1, std::memory_order_release);
}

void SharedBreaker::advance(TimePoint now) {
  if (quiet()) return;
  change(now, [&](Breaker& breaker) { breaker.advance(now, random_.unit()); });
}
void SharedBreaker::force_open(TimePoint now, std::optional<Duration> length) {
  change(now, [&](Breaker& breaker) { breaker.force_open(now, length); });
}
void SharedBreaker::force_close(TimePoint now) {
  change(now, [&](Breaker& breaker) { breaker.force_close(now); });
}
void SharedBreaker::release(TimePoint now) {
  change(now, [&](Breaker& breaker) { breaker.release(now); });
}
void SharedBreaker::reset(TimePoint now) {
  change(now, [&](Breaker& breaker) { breaker.reset(now); });
}
void SharedBreaker::adopt(const BreakerPolicy& policy, TimePoint now) {
  change(now, [&](Breaker& breaker) { breaker.adopt(policy, now); });
}

BreakerStatus SharedBreaker::status(TimePoint now) {
  const std::scoped_lock lock(mutex_);
  fold();
  return breaker_.status(now);
}

}  // namespace outrigger::filters
