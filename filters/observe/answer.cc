#include "filters/observe/answer.h"

#include <chrono>

#include <fmt/format.h>

namespace outrigger::filters {
namespace {

std::string_view next_hop(const Exchange& exchange) noexcept {
  if (!exchange.attempts.empty()) return exchange.attempts.back().endpoint;
  if (!exchange.routed.forward_host.empty()) return exchange.routed.forward_host;
  return {};
}

// "3 attempts in 4.1 s", when there was more than one.
std::string effort(const Exchange& exchange) {
  if (exchange.attempts.size() < 2) return {};
  const Duration spent = exchange.attempts.back().ended - exchange.attempts.front().started;
  return fmt::format(" ({} attempts in {:.1f} s)", exchange.attempts.size(),
                     std::chrono::duration<double>(spent).count());
}

}  // namespace

http::ErrorShape error_shape(const config::Policies* policies) noexcept {
  if (policies == nullptr) return http::ErrorShape::kProblem;
  switch (policies->error_format) {
    case config::ErrorFormat::kOpenai:
      return http::ErrorShape::kOpenai;
    case config::ErrorFormat::kAnthropic:
      return http::ErrorShape::kAnthropic;
    case config::ErrorFormat::kProblem:
      break;
  }
  return http::ErrorShape::kProblem;
}

http::Response answer_failure(Exchange& exchange, const Error& error) {
  http::Problem problem;
  problem.kind = &http::problem_kind(error);
  exchange.source = error.reason == "circuit_open" ? Source::kCircuit : Source::kProxy;
  exchange.why = problem.kind->proxy_error;
  const std::string_view said =
      error.detail.empty() ? problem.kind->explanation : std::string_view(error.detail);
  problem.detail = fmt::format("{}: {}{}", problem.kind->title, said, effort(exchange));
  problem.next_hop = next_hop(exchange);
  problem.shape = error_shape(exchange.routed.policies);
  problem.request_id = exchange.id();
  problem.retry_after = exchange.retry_after;
  problem.status = exchange.give_up_status;
  return http::make_problem(problem);
}

http::Response answer_refusal(int status, std::string_view code, std::string_view detail) {
  http::Problem problem;
  const http::ProblemKind* named = http::find_problem_kind(code);
  problem.kind = named != nullptr && named->status == status ? named : &http::problem_kind(status);
  problem.status = status;
  problem.detail = fmt::format("{} ({})", detail, code);
  return http::make_problem(problem);
}

}  // namespace outrigger::filters
