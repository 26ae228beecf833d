// The bookkeeping of one exchange's attempts: gathers the facts, asks decide(), records what it
// says, and makes the answer when there will be no other attempt. Lives in the frame of
// Retry::handle.
#pragma once

#include <optional>
#include <string>

#include "filters/exchange.h"
#include "filters/intake/rewinder.h"
#include "filters/retry/decision.h"
#include "filters/retry/retry.h"

namespace outrigger::filters {

// What a request does that meets a cooldown, or finds all keys set aside.
struct Pause {
  Duration wait{0};
  Stop stop = Stop::kNone;  // why it does not wait
  SharedCooldowns::Running met;
  std::optional<Error> no_key = {};
  [[nodiscard]] bool refused() const noexcept { return stop != Stop::kNone; }
};

class Tries {
 public:
  // Puts a key on the request where the route is `keyed` and the client sent none: the same for all
  // attempts; in shadow it only counts as sent. Counts the request for the budget.
  Tries(RetryRoute& route, Exchange& exchange);

  // Chooses the key of the next attempt, where the proxy adds one. What is in that attempt's way,
  // if anything: a cooldown, or no key. In shadow nobody passes to probe it.
  [[nodiscard]] std::optional<Pause> pause();
  // An attempt begins.
  void begin();
  // Records and pays for what is decided of the attempt that has ended.
  Decision decide(const Result<http::Response>& outcome);
  // Whether another attempt would follow the one that has ended. For a route in shadow: nothing is
  // recorded or learnt.
  [[nodiscard]] bool would_repeat(const Result<http::Response>& outcome);
  // Drops a failed answer, with its connection; its text is kept for the case that no better one
  // comes.
  void set_aside(Result<http::Response> outcome);
  void rewind() { body_.rewind(); }
  // The request's whole body, where it is in memory.
  [[nodiscard]] std::optional<std::string> body() const { return body_.whole(); }

  // The ends, each with what the client is told.
  Result<http::Response> finish(Result<http::Response> outcome, const Decision& decision);
  Result<http::Response> refuse(const Pause& pause);
  Result<http::Response> interrupted(Error error);
  // The probe's answer: the write had happened.
  http::Response verified(http::Response found);
  // The verifier's error: it could not be found out, or the exchange has ended.
  Result<http::Response> unknown(Error error);

 private:
  [[nodiscard]] AttemptFacts facts_of(const Result<http::Response>& outcome);
  [[nodiscard]] std::optional<Duration> hint_of(const Attempt& last);
  void learn();
  [[nodiscard]] Decision decide_and_pay(const AttemptFacts& facts);
  void record(Stop stop);
  [[nodiscard]] std::string_view host() const noexcept;
  [[nodiscard]] std::optional<Duration> time_left() const noexcept;
  // No attempt was made of this try: a breaker or a limit refused it.
  [[nodiscard]] bool none_made() const noexcept { return exchange_.attempts.size() == first_; }

  RetryRoute& route_;
  Exchange& exchange_;
  Rewinder body_;
  config::Replay replay_;
  const std::size_t begun_;  // attempts before the first of these
  std::uint32_t tries_ = 0;
  std::size_t first_ = 0;  // attempt of this try
  Duration waiting_{0};    // before this try, so far
  Duration paused_{0};     // for cooldowns, all together
  Duration last_backoff_{0};
  bool passing_ = false;  // let through by a cooldown, to find out whether it is over
  std::optional<http::Response> last_answer_;  // of an upstream, with its whole body
};

}  // namespace outrigger::filters
