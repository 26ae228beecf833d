#include "proxy/admin/answers.h"

#include <utility>

#include <fmt/format.h>

#include "proxy/http/problem.h"

namespace outrigger::admin {
namespace {

http::Response problem_answer(const http::ProblemKind& kind, std::string detail) {
  http::Problem problem;
  problem.kind = &kind;
  problem.detail = std::move(detail);
  http::Response response = http::make_problem(problem);
  response.head.headers.add_view(http::HeaderId::kOther, "X-Content-Type-Options", "nosniff");
  return response;
}

}  // namespace

http::Response json_answer(std::string_view json) {
  http::Response response;
  response.head.status = 200;
  http::Headers& headers = response.head.headers;
  headers.add_view(http::HeaderId::kContentType, "Content-Type", "application/json");
  headers.add("Content-Length", fmt::format_int(json.size() + 1).c_str());
  headers.add_view(http::HeaderId::kCacheControl, "Cache-Control", "no-store");
  headers.add_view(http::HeaderId::kOther, "X-Content-Type-Options", "nosniff");
  std::string line(json);
  line += '\n';
  response.body = http::Body(Slice::copy(line));
  return response;
}

http::Response problem_answer(std::string_view code, std::string detail) {
  const http::ProblemKind* kind = http::find_problem_kind(code);
  return problem_answer(kind != nullptr ? *kind : http::problem_kind(500), std::move(detail));
}

http::Response problem_answer(const Error& error) {
  return problem_answer(http::problem_kind(error), error.detail.str());
}

}  // namespace outrigger::admin
