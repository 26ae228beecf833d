// The answers that the proxy makes up itself: errors that people, SDKs and intermediaries can read.
// One table of kinds gives the status, the words, Proxy-Status, `outrigger explain` and the
// documentation. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/base/duration.h"
#include "proxy/base/result.h"
#include "proxy/http/message.h"

namespace outrigger::http {

// The body that a client of this upstream understands (`error_format`).
enum class ErrorShape : std::uint8_t {
  kProblem,    // application/problem+json (RFC 9457) with an error{message,type,code} member
  kOpenai,     // the same members as application/json
  kAnthropic,  // {"type":"error","error":{"type","message"}}
};

// One way in which the proxy refuses or fails. All text is literal.
struct ProblemKind {
  std::string_view code;  // closed; the last part of the type: urn:outrigger:error:<code>
  int status;
  std::string_view
      proxy_error;  // RFC 9209 2.3 token: Proxy-Status, `why` in the log, label `error`
  std::string_view title;
  std::string_view explanation;  // what happened, for `outrigger explain`
  std::string_view mend;         // what to do about it
  bool passing = false;          // the same request is worth another try of the client's
};

// All kinds, sorted by code.
std::span<const ProblemKind> problem_kinds() noexcept;
// The kind of that code; nullptr when there is none.
const ProblemKind* find_problem_kind(std::string_view code) noexcept;
// The kind that tells an error best: by its reason where that is a code of ours or an RFC 9209
// token, else by code and origin. Never fails: a bug is `proxy_internal_error`.
const ProblemKind& problem_kind(const Error& error) noexcept;
// The kind for a status when a codec or a limit refuses with no more to say; 4xx and 5xx.
const ProblemKind& problem_kind(int status) noexcept;

struct Problem {
  const ProblemKind* kind = nullptr;    // must be set
  int status = 0;                       // 0: the kind's
  std::string_view title;               // empty: the kind's
  std::string detail;                   // one line for a person; empty: the kind's explanation
  std::string suggestion;               // a URL that would have been right, or empty
  std::string_view next_hop;            // host of the upstream, for Proxy-Status, or empty
  int received_status = 0;              // of the upstream, or 0
  std::optional<Duration> retry_after;  // 429 and 503 say one second when nothing is given
  ErrorShape shape = ErrorShape::kProblem;
  std::string_view request_id;  // empty: no Outrigger-Request-Id
};

// The whole answer: body, Content-Type, Content-Length, Cache-Control: no-store, Proxy-Status, the
// words that stop SDKs from retrying in vain (llm 2.2), Retry-After, Outrigger-Source: proxy. The
// connection's fate is the server's business, and so is cutting the body for HEAD.
Response make_problem(const Problem& problem);

// The value of a Proxy-Status field (RFC 9209 2): `outrigger; error=...; next-hop="...";
// details="..."`.
std::string proxy_status(std::string_view error, std::string_view next_hop, int received_status,
                         std::string_view details);

}  // namespace outrigger::http
