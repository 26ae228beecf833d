// What happened in a simulated world, as its ends know it: the calls that reached the upstream and
// the visits of the clients. Kept apart from what the filters write down.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "filters/exchange.h"
#include "tests/simulation/answer.h"

namespace outrigger::simulation {

// One time that the chain sent the request.
struct Call {
  std::uint64_t number = 0;
  bool probing = false;  // asks whether an earlier one was executed
  bool beside = false;   // began while another of its visit was not decided: a hedge
  TimePoint started;
  std::optional<TimePoint> decided;  // the retry filter saw its outcome
  Phase phase = Phase::kNoConnection;
  bool answered = false;  // the head was returned
  Answer answer;
  std::size_t given = 0;  // bytes of the answer that the proxy took
  bool said_all = false;  // the proxy took its last byte, and its end where that must be asked for
  // The half-open era of the route's breaker in which it began, while its outcome is not known.
  std::optional<std::uint64_t> era;
};

enum class End : std::uint8_t { kNone, kClean, kCut, kDropped, kNoAnswer };

// One client with its request and what it got.
struct Visit final : filters::AttemptObserver {
  struct Made {
    std::string_view stop;
    bool judged = false;
    Verdict verdict = Verdict::kCancelled;
  };

  void on_concluded(filters::Exchange& exchange, filters::Attempt& attempt) override {
    const auto at = static_cast<std::size_t>(&attempt - exchange.attempts.data());
    if (conclusions.size() <= at) conclusions.resize(at + 1);
    ++conclusions[at];
    if (at + 1 != exchange.attempts.size()) return;
    for (Call* call : calls) call->era.reset();
  }

  std::uint64_t number = 0;
  const config::Policies* policies = nullptr;
  std::string_view route;  // empty: the upstream's own level
  http::Method method = http::Method::kPost;
  bool sent_key = false;
  bool retry_of_client = false;
  std::string body;
  std::optional<TimePoint> deadline;  // as reckoned here
  std::optional<TimePoint> left;
  std::optional<TimePoint> asked_retry;  // entered the retry filter
  std::vector<Call*> calls;
  int ends = 0;
  End end = End::kNone;
  int status = 0;
  std::string_view reason;  // of an end that is none
  Errc code = Errc::kInternal;
  std::string got;
  bool head_came = false;
  std::string answer_of;  // the tag of the call whose answer it got
  std::vector<Made> attempts;
  std::vector<int> conclusions;

  [[nodiscard]] std::uint32_t tries() const noexcept {
    std::uint32_t count = 0;
    for (const Call* call : calls) count += call->probing || call->beside ? 0 : 1;
    return count;
  }
};

class Ledger {
 public:
  explicit Ledger(Dispatcher& loop) noexcept : loop_(loop) {}

  template <class... Parts>
  void note(fmt::format_string<Parts...> format, Parts&&... parts) {
    fmt::format_to(std::back_inserter(trace), "{:>10} ", loop_.now().since_start / 1us);
    fmt::format_to(std::back_inserter(trace), format, std::forward<Parts>(parts)...);
    trace += '\n';
  }
  // Something that must never happen did.
  template <class... Parts>
  void violation(const Visit& visit, fmt::format_string<Parts...> format, Parts&&... parts) {
    violations.push_back(
        fmt::format("at {} us, visit {}: ", loop_.now().since_start / 1us, visit.number) +
        fmt::format(format, std::forward<Parts>(parts)...));
    note("VIOLATION {}", violations.back());
  }

  // Filters know a visit by its client.
  Visit& of(const filters::Exchange& exchange) {
    return visits[static_cast<std::size_t>(std::stoul(exchange.client.certificate_subject))];
  }

  std::deque<Visit> visits;
  std::deque<Call> calls;
  std::vector<std::string> violations;
  std::string trace;

 private:
  Dispatcher& loop_;
};

}  // namespace outrigger::simulation
