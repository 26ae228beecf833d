#include "proxy/http/problem.h"

#include <array>
#include <set>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "proxy/http/status.h"

namespace outrigger::http {
namespace {

// RFC 9209 2.3 and the IANA registry of HTTP Proxy Error Types.
const std::set<std::string_view> kRegistered = {"dns_timeout",
                                                "dns_error",
                                                "destination_not_found",
                                                "destination_unavailable",
                                                "destination_ip_prohibited",
                                                "destination_ip_unroutable",
                                                "connection_refused",
                                                "connection_terminated",
                                                "connection_timeout",
                                                "connection_read_timeout",
                                                "connection_write_timeout",
                                                "connection_limit_reached",
                                                "tls_protocol_error",
                                                "tls_certificate_error",
                                                "tls_alert_received",
                                                "http_request_error",
                                                "http_request_denied",
                                                "http_response_incomplete",
                                                "http_response_header_section_size",
                                                "http_response_header_size",
                                                "http_response_body_size",
                                                "http_response_trailer_section_size",
                                                "http_response_trailer_size",
                                                "http_response_transfer_coding",
                                                "http_response_content_coding",
                                                "http_response_timeout",
                                                "http_upgrade_failed",
                                                "http_protocol_error",
                                                "proxy_internal_response",
                                                "proxy_internal_error",
                                                "proxy_configuration_error",
                                                "proxy_loop_detected"};

std::string_view header(const Response& response, std::string_view name) {
  const Field* field = response.head.headers.find(name);
  return field == nullptr ? std::string_view{} : field->value;
}

std::string_view body(const Response& response) {
  return response.body.whole()->view();
}

Problem problem(std::string_view code, ErrorShape shape = ErrorShape::kProblem) {
  Problem it;
  it.kind = find_problem_kind(code);
  it.detail = "said \"so\"";
  it.shape = shape;
  it.request_id = "01ARYZ6S41TSV4RRFFQ69G5FAV";
  return it;
}

TEST(ProblemTable, IsCompleteAndUsesRegisteredErrors) {
  for (const ProblemKind& kind : problem_kinds()) {
    EXPECT_TRUE(kRegistered.contains(kind.proxy_error)) << kind.code;
    EXPECT_GE(kind.status, 400) << kind.code;
    EXPECT_LT(kind.status, 600) << kind.code;
    EXPECT_FALSE(kind.title.empty() || kind.explanation.empty() || kind.mend.empty()) << kind.code;
    EXPECT_FALSE(kind.title.ends_with('.')) << kind.code;
    EXPECT_TRUE(kind.explanation.ends_with('.') && kind.mend.ends_with('.')) << kind.code;
    EXPECT_EQ(find_problem_kind(kind.code), &kind);
    // A code that is a registered error means that error, so that both words are never different
    // things.
    if (kRegistered.contains(kind.code)) EXPECT_EQ(kind.code, kind.proxy_error);
  }
  EXPECT_EQ(find_problem_kind("no_such_code"), nullptr);
}

struct Mapping {
  Errc code;
  Origin origin;
  Phase phase;
  std::string_view reason;
  std::string_view problem;
  int status;
};

TEST(ProblemTable, MapsErrorsByReasonThenByCodeOriginAndPhase) {
  using enum Errc;
  using enum Origin;
  using enum Phase;
  const Mapping cases[] = {
      {kConnect, kUpstream, kNoConnection, "connection_refused", "connection_refused", 502},
      {kConnect, kUpstream, kNoConnection, "", "connection_refused", 502},
      {kConnect, kUpstream, kNoConnection, "destination_ip_unroutable", "destination_ip_unroutable",
       502},
      {kResolve, kUpstream, kNoConnection, "dns_timeout", "dns_timeout", 504},
      {kResolve, kUpstream, kNoConnection, "", "dns_error", 502},
      {kTls, kUpstream, kNoConnection, "tls_certificate_error", "tls_certificate_error", 502},
      {kTls, kUpstream, kNoConnection, "", "tls_protocol_error", 502},
      {kTimeout, kUpstream, kNoConnection, "", "connection_timeout", 504},
      {kTimeout, kUpstream, kFullyWritten, "", "http_response_timeout", 504},
      {kTimeout, kUpstream, kAnswered, "", "connection_read_timeout", 504},
      {kTimeout, kProxy, kFullyWritten, "", "total_timeout", 504},
      {kTimeout, kClient, kNoConnection, "body_too_slow", "body_too_slow", 408},
      {kTimeout, kClient, kNoConnection, "anything", "body_too_slow", 408},
      {kReset, kUpstream, kFullyWritten, "connection_terminated", "connection_terminated", 502},
      {kReset, kUpstream, kNothingAccepted, "stream_refused", "stream_refused", 502},
      {kClosed, kUpstream, kAnswered, "", "http_response_incomplete", 502},
      {kReset, kClient, kNoConnection, "connection_terminated", "client_gone", 499},
      {kCancelled, kClient, kNoConnection, "cancelled", "client_gone", 499},
      {kCancelled, kProxy, kNoConnection, "cancelled", "draining", 503},
      {kProtocol, kUpstream, kAnswered, "bad_status_line", "http_protocol_error", 502},
      {kProtocol, kClient, kNoConnection, "bad_chunk", "bad_request", 400},
      {kProtocol, kClient, kNoConnection, "http_protocol_error", "bad_request", 400},
      {kProtocol, kClient, kNoConnection, "proxy_loop_detected", "proxy_loop_detected", 508},
      {kProtocol, kProxy, kNoConnection, "http_protocol_error", "http_protocol_error", 502},
      {kTooLarge, kClient, kNoConnection, "", "body_too_large", 413},
      {kTooLarge, kProxy, kNoConnection, "", "body_too_large", 413},
      {kTooLarge, kUpstream, kAnswered, "", "http_response_header_section_size", 502},
      {kOverload, kProxy, kNoConnection, "", "overloaded", 503},
      {kOverload, kProxy, kNoConnection, "destination_unavailable", "destination_unavailable", 503},
      {kDestination, kProxy, kNoConnection, "destination_ip_prohibited",
       "destination_ip_prohibited", 403},
      {kDestination, kProxy, kNoConnection, "http_request_denied", "host_not_allowed", 403},
      {kConfig, kProxy, kNoConnection, "", "proxy_configuration_error", 500},
      {kSystem, kProxy, kNoConnection, "", "proxy_internal_error", 500},
      {kInternal, kProxy, kNoConnection, "surprise", "proxy_internal_error", 500},
  };
  for (const Mapping& row : cases) {
    const ProblemKind& kind = problem_kind(Error{row.code, row.origin, row.phase, row.reason, {}});
    EXPECT_EQ(kind.code, row.problem) << to_string(row.code) << " " << row.reason;
    EXPECT_EQ(kind.status, row.status) << row.problem;
  }
}

TEST(ProblemTable, HasAKindForEveryRefusedStatus) {
  for (const int status : {400, 403, 404, 408, 413, 414, 431, 500, 501, 502, 503, 504, 505, 508}) {
    EXPECT_EQ(problem_kind(status).status, status);
  }
  EXPECT_EQ(problem_kind(417).code, "bad_request");
}

TEST(Problem, HasTheMembersOfRfc9457AndTheErrorThatSdksRead) {
  const Response response = make_problem(problem("connection_refused"));
  EXPECT_EQ(response.head.status, 502);
  EXPECT_EQ(header(response, "content-type"), "application/problem+json");
  EXPECT_EQ(body(response),
            R"({"type":"urn:outrigger:error:connection_refused",)"
            R"("title":"The upstream refused the connection","status":502,"detail":"said \"so\"",)"
            R"("instance":"urn:outrigger:request:01ARYZ6S41TSV4RRFFQ69G5FAV",)"
            R"("error":{"message":"said \"so\"","type":"server_error","param":null,)"
            R"("code":"connection_refused"}})"
            "\n");
  EXPECT_EQ(header(response, "content-length"), std::to_string(body(response).size()));
  EXPECT_EQ(header(response, "cache-control"), "no-store");
  EXPECT_EQ(header(response, "outrigger-source"), "proxy");
  EXPECT_EQ(header(response, "outrigger-request-id"), "01ARYZ6S41TSV4RRFFQ69G5FAV");
}

TEST(Problem, OpenaiShapeIsPlainJson) {
  const Response response = make_problem(problem("wrong_version", ErrorShape::kOpenai));
  EXPECT_EQ(header(response, "content-type"), "application/json");
  EXPECT_NE(
      body(response).find(R"("error":{"message":"said \"so\"","type":"invalid_request_error",)"),
      std::string_view::npos)
      << body(response);
}

TEST(Problem, AnthropicShapeHasTheirTypes) {
  const Response response = make_problem(problem("overloaded", ErrorShape::kAnthropic));
  EXPECT_EQ(body(response),
            R"({"type":"error","error":{"type":"overloaded_error","message":"said \"so\"",)"
            R"("code":"overloaded"},"request_id":"01ARYZ6S41TSV4RRFFQ69G5FAV"})"
            "\n");
  const std::pair<std::string_view, std::string_view> types[] = {
      {"bad_request", "invalid_request_error"},
      {"forward_disabled", "permission_error"},
      {"unknown_path", "not_found_error"},
      {"body_too_large", "request_too_large"},
      {"dns_error", "api_error"},
      {"http_response_timeout", "timeout_error"}};
  for (const auto& [code, type] : types) {
    const Response answer = make_problem(problem(code, ErrorShape::kAnthropic));
    EXPECT_NE(body(answer).find(fmt::format(R"("error":{{"type":"{}")", type)),
              std::string_view::npos)
        << body(answer);
  }
}

TEST(Problem, StopsSdksFromRetryingAndSaysWhenToComeBack) {
  const Response refused = make_problem(problem("connection_refused"));
  EXPECT_EQ(header(refused, "x-should-retry"), "false");
  EXPECT_EQ(header(refused, "stripe-should-retry"), "false");
  EXPECT_EQ(header(refused, "retry-after"), "");

  EXPECT_EQ(header(make_problem(problem("overloaded")), "retry-after"), "1");
  Problem waits = problem("overloaded");
  waits.retry_after = 2100ms;
  const Response later = make_problem(waits);
  EXPECT_EQ(header(later, "retry-after"), "3");  // whole seconds, rounded up
  EXPECT_EQ(header(later, "retry-after-ms"), "2100");
}

TEST(Problem, NamesWhatWouldHaveBeenRight) {
  Problem it = problem("wrong_version");
  it.suggestion = "http://127.0.0.1:4170/openai/v1/models";
  EXPECT_NE(body(make_problem(it)).find(R"("suggestion":"http://127.0.0.1:4170/openai/v1/models")"),
            std::string_view::npos);
}

TEST(ProxyStatus, IsAnItemOfRfc9209) {
  EXPECT_EQ(
      proxy_status("connection_timeout", "api.openai.com", 503, "3 attempts in 4.1s"),
      "outrigger; error=connection_timeout; next-hop=\"api.openai.com\"; received-status=503; "
      "details=\"3 attempts in 4.1s\"");
  EXPECT_EQ(proxy_status("dns_error", {}, 0, {}), "outrigger; error=dns_error");
  EXPECT_EQ(proxy_status({}, {}, 0, {}), "outrigger");
}

// RFC 8941 3.3.3: anything else in a string would make the whole field invalid, or split it.
TEST(ProxyStatus, EscapesItsStrings) {
  EXPECT_EQ(proxy_status({}, "a\"b\\c", 0, "x\r\ny\xc3\xa9\x7f"),
            "outrigger; next-hop=\"a\\\"b\\\\c\"; details=\"x??y???\"");
  const Response response = make_problem(problem("connection_refused"));
  EXPECT_EQ(header(response, "proxy-status"),
            "outrigger; error=connection_refused; details=\"The upstream refused the connection\"");
}

TEST(Status, HasPhrasesClassesAndContentRules) {
  EXPECT_EQ(reason_phrase(200), "OK");
  EXPECT_EQ(reason_phrase(422), "Unprocessable Content");
  EXPECT_EQ(reason_phrase(599), "");
  EXPECT_EQ(status_class(0), "0");
  EXPECT_EQ(status_class(204), "2xx");
  EXPECT_EQ(status_class(999), "0");
  for (const int status : {100, 101, 199, 204, 304}) EXPECT_TRUE(has_no_content(status)) << status;
  for (const int status : {200, 205, 301, 404, 500}) EXPECT_FALSE(has_no_content(status)) << status;
  for (const ProblemKind& kind : problem_kinds()) {
    if (kind.status != 499) EXPECT_NE(reason_phrase(kind.status), "") << kind.code;
  }
}

}  // namespace
}  // namespace outrigger::http
