#include "filters/retry/tries.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "filters/credentials/key_choice.h"
#include "filters/retry/backoff.h"
#include "filters/retry/give_up.h"

namespace outrigger::filters {
namespace {

KeySent key_sent(const Exchange& exchange) noexcept {
  const http::Headers& headers = exchange.request.head.headers;
  const bool none = headers.get(http::HeaderId::kIdempotencyKey).empty();
  return none && exchange.upstream_key.empty() ? KeySent::kNo : KeySent::kYes;
}

// Verdicts that another key may not meet.
bool is_of_key(Verdict verdict) noexcept {
  return verdict == Verdict::kThrottled || verdict == Verdict::kAuth ||
         verdict == Verdict::kQuotaExhausted;
}

// A limit of ours refused it: filters/limits.
bool is_limited(const Error& error) noexcept {
  return error.reason == "rate_limited" || error.reason == "concurrency_limited";
}

}  // namespace

Tries::Tries(RetryRoute& route, Exchange& exchange)
    : route_(route), exchange_(exchange), body_(exchange), begun_(exchange.attempts.size()) {
  http::RequestHead& head = exchange.request.head;
  KeySent key = key_sent(exchange);
  if (key == KeySent::kNo && adds_key(route.policies, head.method)) {
    if (!route.shadow) head.headers.set("Idempotency-Key", exchange.id());
    key = KeySent::kYes;
  }
  replay_ = replay_class(route.policies, head.method, key);
  if (route.budget == nullptr) return;
  // Within a client's own loop this request is itself a retry (llm 2.2).
  if (client_retries(head.headers) > 0) {
    route.budget->charge(*route.retry.budget, Verdict::kTransient, exchange.loop.now());
  } else {
    route.budget->earn(*route.retry.budget, exchange.loop.now());
  }
}

std::string_view Tries::host() const noexcept {
  const config::Upstream* upstream = exchange_.routed.upstream;
  return upstream != nullptr ? std::string_view(upstream->name) : exchange_.routed.forward_host;
}

std::optional<Duration> Tries::time_left() const noexcept {
  if (!exchange_.deadline) return std::nullopt;
  return *exchange_.deadline - exchange_.loop.now();
}

std::optional<Pause> Tries::pause() {
  if (exchange_.keys != nullptr) {
    Status chosen = exchange_.keys->choose();
    if (!chosen) return Pause{.stop = Stop::kNoKey, .met = {}, .no_key = std::move(chosen).error()};
    passing_ = exchange_.keys->probing();
    if (passing_) return std::nullopt;
  }
  if (!route_.retry.hints.honour) return std::nullopt;
  const TimePoint now = exchange_.loop.now();
  const auto met = route_.shadow
                       ? route_.cooldowns.peek(host(), exchange_.model, exchange_.credential, now)
                       : route_.cooldowns.meet(host(), exchange_.model, exchange_.credential, now);
  passing_ = met && met->passes;
  if (!met || passing_) return std::nullopt;
  Pause pause;
  pause.met = *met;
  pause.wait = spread_wait(met->left, route_.retry.hints.spread, route_.random);
  const std::optional<Duration> left = time_left();
  const bool in_vain = met->verdict == Verdict::kQuotaExhausted;  // waiting brings no money
  if (in_vain || paused_ + met->left > route_.retry.hints.max_wait) {
    pause.stop = Stop::kHintTooLong;
  } else if (left && met->left >= *left) {
    pause.stop = Stop::kDeadline;
  } else {
    if (left && pause.wait >= *left) pause.wait = met->left;
    paused_ += pause.wait;
    waiting_ += pause.wait;
  }
  return pause;
}

void Tries::begin() {
  first_ = exchange_.attempts.size();
  ++tries_;
}

Decision Tries::decide(const Result<http::Response>& outcome) {
  learn();
  const AttemptFacts facts = facts_of(outcome);
  const Decision decision = decide_and_pay(facts);
  record(decision.stop);
  if (decision.stop == Stop::kNotReplayable) exchange_.replay_lost = body_.why_not();
  if (decision.again) {
    waiting_ = decision.wait;
    last_backoff_ = facts.backoff;
    route_.metrics.count_retry(facts.verdict, decision.wait);
    if (facts.hint && decision.wait >= *facts.hint) route_.metrics.count_honored();
  } else if (is_exhausted(decision.stop)) {
    route_.metrics.count_exhausted(decision.stop);
  }
  return decision;
}

bool Tries::would_repeat(const Result<http::Response>& outcome) {
  return decide_and_pay(facts_of(outcome)).again;
}

// What the attempt that has ended means for the next ones, of this exchange and of others.
void Tries::learn() {
  if (none_made()) return;
  if (exchange_.keys != nullptr) exchange_.keys->learn();
  exchange_.attempts[first_].waited = std::exchange(waiting_, Duration{0});
  const TimePoint now = exchange_.loop.now();
  for (std::size_t i = first_; i < exchange_.attempts.size(); ++i) {
    const Attempt& attempt = exchange_.attempts[i];
    const bool bad = attempt.failed || (attempt.judged && attempt.verdict != Verdict::kOk);
    if (bad && attempt.endpoint_index < 64) {
      exchange_.avoid |= std::uint64_t{1} << attempt.endpoint_index;
    }
  }
  const Attempt& last = exchange_.attempts.back();
  if (!last.judged) return;
  if (last.verdict == Verdict::kOk) {
    if (passing_) route_.cooldowns.lift(host(), exchange_.model, exchange_.credential);
  } else if (route_.retry.hints.honour && begins_cooldown(last.verdict)) {
    const auto key =
        cooldown_key(host(), exchange_.model, exchange_.credential, last.scope, last.verdict);
    const std::optional<Duration> pause = last.hint ? last.hint : unhinted_pause(last.verdict);
    if (key && pause) route_.cooldowns.extend(*key, last.verdict, *pause, now);
  }
  // A safe call that was cut short by a timer of ours gets more time (resilience 3, item 12).
  if (last.verdict == Verdict::kTimeout && replay_ == config::Replay::kSafe) {
    exchange_.patience *= std::max(route_.retry.timeout_factor, 1.0);
  }
}

AttemptFacts Tries::facts_of(const Result<http::Response>& outcome) {
  AttemptFacts facts;
  facts.replay = replay_;
  facts.can_probe = route_.policies.verify.has_value();
  facts.tries = tries_;
  facts.cancelled = exchange_.scope->cancelled();
  facts.circuit_open = !outcome && outcome.error().reason == "circuit_open";
  facts.limited = !outcome && is_limited(outcome.error());
  facts.left = time_left();
  if (none_made() || !exchange_.attempts.back().judged) {
    // Nothing is known of it that would speak for another try.
    facts.verdict = outcome ? Verdict::kOk : Verdict::kCancelled;
    return facts;
  }
  const Attempt& last = exchange_.attempts.back();
  facts.verdict = last.verdict;
  facts.phase = last.phase;
  if (facts.verdict == Verdict::kOk) return facts;
  facts.another_key =
      exchange_.keys != nullptr && is_of_key(facts.verdict) && exchange_.keys->another();
  if (outcome) facts.upstream_word = should_retry(outcome->head.headers);
  facts.body_replayable = body_.possible();
  facts.hint = hint_of(last);
  if (facts.hint) {
    facts.extra = spread_wait(*facts.hint, route_.retry.hints.spread, route_.random) - *facts.hint;
  }
  facts.backoff = backoff_wait(config::backoff_for(route_.retry, last.verdict), tries_,
                               last_backoff_, route_.random);
  facts.budget_left =
      route_.budget == nullptr ||
      route_.budget->can_spend(*route_.retry.budget, last.verdict, exchange_.loop.now());
  return facts;
}

// The server's word, or that of a cooldown that runs for longer.
std::optional<Duration> Tries::hint_of(const Attempt& last) {
  if (!route_.retry.hints.honour) return std::nullopt;
  if (exchange_.keys != nullptr && is_of_key(last.verdict) &&
      last.scope != config::Scope::kEndpoint) {
    // The next try takes whichever key comes first.
    const std::optional<Duration> soonest = exchange_.keys->soonest();
    if (soonest) return *soonest > Duration{0} ? soonest : std::nullopt;
  }
  const auto running =
      route_.cooldowns.peek(host(), exchange_.model, exchange_.credential, exchange_.loop.now());
  if (running && (!last.hint || *last.hint < running->left)) return running->left;
  return last.hint;
}

Decision Tries::decide_and_pay(const AttemptFacts& facts) {
  Decision decision = filters::decide(facts, route_.retry);
  if (!decision.again || route_.budget == nullptr) return decision;
  if (route_.budget->spend(*route_.retry.budget, facts.verdict, exchange_.loop.now())) {
    return decision;
  }
  // Another worker has spent the last of it in between.
  decision.again = false;
  decision.stop = Stop::kBudget;
  decision.come_back = decision.wait;
  return decision;
}

void Tries::record(Stop stop) {
  // One of an upstream before this one, which the request fell back from, has its word already.
  if (exchange_.attempts.size() > begun_) exchange_.attempts.back().stop = to_string(stop);
}

void Tries::set_aside(Result<http::Response> outcome) {
  if (outcome && outcome->tunnel == nullptr && outcome->body.whole() != nullptr) {
    last_answer_ = std::move(*outcome);
  }
}

Result<http::Response> Tries::finish(Result<http::Response> outcome, const Decision& decision) {
  if (decision.stop == Stop::kOk || exchange_.scope->cancelled()) return outcome;
  const Verdict verdict =
      exchange_.attempts.empty() ? Verdict::kOk : exchange_.attempts.back().verdict;
  const std::uint16_t instead =
      is_exhausted(decision.stop) ? route_.retry.give_up_status : std::uint16_t{0};
  std::optional<Duration> come_back = decision.come_back;
  if (!come_back) come_back = exchange_.retry_after;
  // An upstream that answered has said more than an error of ours can.
  const bool older = !outcome && last_answer_;
  if (older) outcome = std::move(*last_answer_);
  if (!outcome) {
    exchange_.retry_after = come_back;
    exchange_.give_up_status = instead;
    return outcome;
  }
  const bool own_word = decision.stop == Stop::kVerdict && should_retry(outcome->head.headers);
  if (older || (!own_word && stops_clients(decision.stop, verdict, outcome->head.status))) {
    advise_to_give_up(outcome->head, come_back, instead);
  }
  return outcome;
}

http::Response Tries::verified(http::Response found) {
  record(Stop::kOk);
  return found;
}

Result<http::Response> Tries::refuse(const Pause& pause) {
  route_.metrics.count_exhausted(pause.stop);
  record(pause.stop);
  if (pause.no_key) {
    Decision none;
    none.stop = pause.stop;
    return finish(std::unexpected(*pause.no_key), none);
  }
  const bool quota = pause.met.verdict == Verdict::kQuotaExhausted;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(pause.met.left).count();
  Decision decision;
  decision.stop = pause.stop;
  decision.come_back = pause.met.left;
  return finish(
      fail(Errc::kOverload, Origin::kProxy, quota ? "quota_exhausted" : "cooling_down",
           fmt::format("the upstream asked for a pause that lasts another {} s", seconds)),
      decision);
}

Result<http::Response> Tries::interrupted(Error error) {
  record(error.reason == "deadline_exceeded" ? Stop::kDeadline : Stop::kCancelled);
  return std::unexpected(std::move(error));
}

Result<http::Response> Tries::unknown(Error error) {
  if (exchange_.scope->cancelled()) return interrupted(std::move(error));
  record(Stop::kUnknownOutcome);
  route_.metrics.count_exhausted(Stop::kUnknownOutcome);
  exchange_.give_up_status = route_.retry.give_up_status;
  return std::unexpected(std::move(error));
}

}  // namespace outrigger::filters
