#include "proxy/http/problem.h"

#include <algorithm>
#include <chrono>
#include <iterator>

#include <fmt/format.h>

#include "proxy/base/json_writer.h"
#include "proxy/http/status.h"

namespace outrigger::http {
namespace {

// The words of api.openai.com (llm 2.2).
std::string_view openai_type(int status) noexcept {
  if (status == 401) return "authentication_error";
  if (status == 403) return "permission_error";
  if (status == 429) return "rate_limit_error";
  return is_client_error(status) ? "invalid_request_error" : "server_error";
}

// The words of api.anthropic.com (docs, "Errors").
std::string_view anthropic_type(int status) noexcept {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 503:
      return "overloaded_error";
    case 504:
      return "timeout_error";
    default:
      return is_client_error(status) ? "invalid_request_error" : "api_error";
  }
}

struct Words {
  int status;
  std::string_view title;
  std::string_view detail;
};

Words words_of(const Problem& problem) {
  return {problem.status != 0 ? problem.status : problem.kind->status,
          problem.title.empty() ? problem.kind->title : problem.title,
          problem.detail.empty() ? problem.kind->explanation : std::string_view(problem.detail)};
}

void write_anthropic(JsonWriter& json, const Problem& problem, const Words& words) {
  json.begin_object();
  json.member("type", "error");
  json.key("error");
  json.begin_object();
  json.member("type", anthropic_type(words.status));
  json.member("message", words.detail);
  json.member("code", problem.kind->code);
  json.end_object();
  if (!problem.suggestion.empty()) json.member("suggestion", problem.suggestion);
  if (!problem.request_id.empty()) json.member("request_id", problem.request_id);
  json.end_object();
}

// RFC 9457 3, with the members that OpenAI's libraries read inside `error` (operability 0.2).
void write_problem(JsonWriter& json, const Problem& problem, const Words& words) {
  json.begin_object();
  json.member("type", fmt::format("urn:outrigger:error:{}", problem.kind->code));
  json.member("title", words.title);
  json.member("status", words.status);
  json.member("detail", words.detail);
  if (!problem.request_id.empty()) {
    json.member("instance", fmt::format("urn:outrigger:request:{}", problem.request_id));
  }
  if (!problem.suggestion.empty()) json.member("suggestion", problem.suggestion);
  json.key("error");
  json.begin_object();
  json.member("message", words.detail);
  json.member("type", openai_type(words.status));
  json.key("param");
  json.null();
  json.member("code", problem.kind->code);
  json.end_object();
  json.end_object();
}

// RFC 8941 3.3.3: only visible ASCII and space; `"` and `\` escaped.
void append_sf_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c >= ' ' && c <= '~' ? c : '?';
  }
  out += '"';
}

// Tells SDKs what to do (llm 2.2): what we refuse or have given up on is not worth another try of
// theirs.
void add_retry_advice(Headers& headers, const Problem& problem, int status) {
  const std::string_view again = problem.kind->passing ? "true" : "false";
  headers.add_view(HeaderId::kOther, "x-should-retry", again);
  headers.add_view(HeaderId::kOther, "stripe-should-retry", again);
  std::optional<Duration> wait = problem.retry_after;
  if (!wait && (status == 429 || status == 503)) wait = 1s;
  if (!wait) return;
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(*wait).count();
  const auto seconds = std::max<std::int64_t>((ms + 999) / 1000, 1);
  headers.add("Retry-After", fmt::format("{}", seconds));
  headers.add("retry-after-ms", fmt::format("{}", std::max<std::int64_t>(ms, 1)));
}

}  // namespace

std::string proxy_status(std::string_view error, std::string_view next_hop, int received_status,
                         std::string_view details) {
  std::string out = "outrigger";
  if (!error.empty()) fmt::format_to(std::back_inserter(out), "; error={}", error);
  if (!next_hop.empty()) {
    out += "; next-hop=";
    append_sf_string(out, next_hop);
  }
  if (received_status != 0) {
    fmt::format_to(std::back_inserter(out), "; received-status={}", received_status);
  }
  if (!details.empty()) {
    out += "; details=";
    append_sf_string(out, details);
  }
  return out;
}

Response make_problem(const Problem& problem) {
  const Words words = words_of(problem);
  std::string body;
  JsonWriter json(body);
  if (problem.shape == ErrorShape::kAnthropic) {
    write_anthropic(json, problem, words);
  } else {
    write_problem(json, problem, words);
  }
  body += '\n';

  Response response;
  response.head.status = words.status;
  Headers& headers = response.head.headers;
  headers.reserve(10);
  headers.add_view(
      HeaderId::kContentType, "Content-Type",
      problem.shape == ErrorShape::kProblem ? "application/problem+json" : "application/json");
  headers.add("Content-Length", fmt::format("{}", body.size()));
  headers.add_view(HeaderId::kCacheControl, "Cache-Control", "no-store");
  // The title, not the detail: a header may be seen by more eyes than the body.
  headers.add("Proxy-Status", proxy_status(problem.kind->proxy_error, problem.next_hop,
                                           problem.received_status, words.title));
  add_retry_advice(headers, problem, words.status);
  headers.add_view(HeaderId::kOther, "Outrigger-Source", "proxy");
  if (!problem.request_id.empty()) headers.add("Outrigger-Request-Id", problem.request_id);
  response.body = Body(Slice::copy(body));
  return response;
}

}  // namespace outrigger::http
