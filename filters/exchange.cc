#include "filters/exchange.h"

#include <algorithm>
#include <utility>

#include "filters/classify/answer_kind.h"

namespace outrigger::filters {

std::string_view to_string(Source source) noexcept {
  constexpr std::string_view kNames[] = {"upstream", "cache",   "idempotency",
                                         "fallback", "circuit", "proxy"};
  return kNames[static_cast<std::size_t>(source)];
}

Exchange::~Exchange() {
  for (std::size_t i = 0; i < attempts.size(); ++i) conclude(i, Verdict::kCancelled);
}

void Exchange::conclude(std::size_t index, Verdict verdict) {
  Attempt& attempt = attempts[index];
  if (std::exchange(attempt.concluded, true)) return;
  attempt.verdict = verdict;
  // It had begun to reach the client: too late for another.
  if (verdict != Verdict::kOk && attempt.stop == "ok") attempt.stop = "committed";
  for (AttemptObserver* observer : attempt_observers) observer->on_concluded(*this, attempt);
}

void Exchange::when_concluded(AttemptObserver& observer) {
  const auto known = std::ranges::find(attempt_observers, &observer);
  if (known == attempt_observers.end()) attempt_observers.push_back(&observer);
}

bool is_stream(const http::Response& response) noexcept {
  const std::string_view type = response.head.headers.get(http::HeaderId::kContentType);
  return response.tunnel != nullptr || framing_of(type) ||
         http::starts_ignoring_case(type, "application/grpc");
}

}  // namespace outrigger::filters
