#include "filters/classify/built_in_rules.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace outrigger::filters {
namespace {

// ---- failures ----

// Before the upstream took a byte of it.
BuiltIn judge_unsent(const Error& failure) noexcept {
  switch (failure.code) {
    case Errc::kResolve:
      return {Verdict::kRefusedUnsent, "the upstream's name did not resolve: nothing was sent"};
    case Errc::kTls:
      return {Verdict::kRefusedUnsent, "no TLS connection came about: nothing was sent"};
    case Errc::kTimeout:
      return {Verdict::kRefusedUnsent, "no connection came about in time: nothing was sent"};
    case Errc::kOverload:
      return {Verdict::kRefusedUnsent, "no connection was free: nothing was sent"};
    case Errc::kDestination:
    case Errc::kConfig:
    case Errc::kTooLarge:
      return {Verdict::kClientError, "the proxy must not or cannot send it: the same again fails"};
    default:
      return {Verdict::kRefusedUnsent, "the upstream took no byte of the request"};
  }
}

// Sent, at least in part, and no answer.
BuiltIn judge_lost(const Error& failure) noexcept {
  switch (failure.code) {
    case Errc::kTimeout:
      return {Verdict::kTimeout, "no answer came in time"};
    case Errc::kProtocol:
      return {Verdict::kTransient, "the answer was no valid HTTP"};
    case Errc::kTooLarge:
      return {Verdict::kInvalidResponse, "the answer exceeds a bound"};
    case Errc::kInternal:
    case Errc::kSystem:
      return {Verdict::kTransient, "the proxy failed"};
    default:
      return {Verdict::kTransient, "the connection was lost before an answer"};
  }
}

// In the middle of an answer.
BuiltIn judge_broken_off(const Error& failure) noexcept {
  switch (failure.code) {
    case Errc::kTimeout:
      return {Verdict::kTimeout, "the answer stopped coming"};
    case Errc::kTooLarge:
      return {Verdict::kInvalidResponse, "the answer exceeds a bound"};
    default:
      return {Verdict::kTruncated, "the answer broke off"};
  }
}

// ---- statuses ----

struct StatusRow {
  int status;
  BuiltIn says;
};
constexpr std::array kStatuses = {
    StatusRow{401, {Verdict::kAuth, "401: the credential is refused"}},
    StatusRow{402, {Verdict::kQuotaExhausted, "402: payment is required"}},
    StatusRow{403, {Verdict::kAuth, "403: the credential may not do this"}},
    StatusRow{407, {Verdict::kAuth, "407: a proxy refuses the credential"}},
    StatusRow{408, {Verdict::kTimeout, "408: the upstream's own time-out"}},
    StatusRow{409, {Verdict::kTransient, "409: a conflict that may have passed"}},
    StatusRow{425, {Verdict::kTransient, "425: sent too early"}},
    StatusRow{429, {Verdict::kThrottled, "429: too many requests"}},
    StatusRow{499, {Verdict::kTransient, "499: somebody on the way hung up"}},
    StatusRow{501, {Verdict::kClientError, "501: not implemented there"}},
    StatusRow{503, {Verdict::kOverloaded, "503: the service is not available"}},
    StatusRow{505, {Verdict::kClientError, "505: HTTP version not supported"}},
    StatusRow{529, {Verdict::kOverloaded, "529: the service is overloaded"}},
};

// ---- gRPC ----

struct GrpcRow {
  std::string_view name;
  BuiltIn says;
};
constexpr std::array kGrpc = {
    GrpcRow{"OK", {Verdict::kOk, "gRPC status 0"}},
    GrpcRow{"CANCELLED", {Verdict::kTransient, "gRPC status 1: cancelled, and not by us"}},
    GrpcRow{"UNKNOWN", {Verdict::kTransient, "gRPC status 2: unknown"}},
    GrpcRow{"INVALID_ARGUMENT", {Verdict::kClientError, "gRPC status 3: invalid argument"}},
    GrpcRow{"DEADLINE_EXCEEDED", {Verdict::kTimeout, "gRPC status 4: deadline exceeded"}},
    GrpcRow{"NOT_FOUND", {Verdict::kClientError, "gRPC status 5: not found"}},
    GrpcRow{"ALREADY_EXISTS", {Verdict::kClientError, "gRPC status 6: already exists"}},
    GrpcRow{"PERMISSION_DENIED", {Verdict::kAuth, "gRPC status 7: permission denied"}},
    GrpcRow{"RESOURCE_EXHAUSTED", {Verdict::kThrottled, "gRPC status 8: resource exhausted"}},
    GrpcRow{"FAILED_PRECONDITION", {Verdict::kClientError, "gRPC status 9: failed precondition"}},
    GrpcRow{"ABORTED", {Verdict::kTransient, "gRPC status 10: aborted"}},
    GrpcRow{"OUT_OF_RANGE", {Verdict::kClientError, "gRPC status 11: out of range"}},
    GrpcRow{"UNIMPLEMENTED", {Verdict::kClientError, "gRPC status 12: unimplemented"}},
    GrpcRow{"INTERNAL", {Verdict::kTransient, "gRPC status 13: internal"}},
    GrpcRow{"UNAVAILABLE", {Verdict::kTransient, "gRPC status 14: unavailable"}},
    GrpcRow{"DATA_LOSS", {Verdict::kTransient, "gRPC status 15: data loss"}},
    GrpcRow{"UNAUTHENTICATED", {Verdict::kAuth, "gRPC status 16: unauthenticated"}},
};

const GrpcRow* find_grpc(std::string_view text) noexcept {
  std::size_t code = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  return whole && code < kGrpc.size() ? &kGrpc[code] : nullptr;
}

// ---- words of error events ----

struct WordRow {
  std::string_view word;
  Verdict verdict;
};
constexpr std::array kWords = {
    WordRow{"rate_limit_exceeded", Verdict::kThrottled},
    WordRow{"rate_limit_error", Verdict::kThrottled},
    WordRow{"RESOURCE_EXHAUSTED", Verdict::kThrottled},
    WordRow{"throttlingException", Verdict::kThrottled},
    WordRow{"insufficient_quota", Verdict::kQuotaExhausted},
    WordRow{"billing_error", Verdict::kQuotaExhausted},
    WordRow{"overloaded_error", Verdict::kOverloaded},
    WordRow{"server_is_overloaded", Verdict::kOverloaded},
    WordRow{"service_unavailable_error", Verdict::kOverloaded},
    WordRow{"serviceUnavailableException", Verdict::kOverloaded},
    WordRow{"UNAVAILABLE", Verdict::kOverloaded},
    WordRow{"timeout_error", Verdict::kTimeout},
    WordRow{"modelTimeoutException", Verdict::kTimeout},
    WordRow{"authentication_error", Verdict::kAuth},
    WordRow{"permission_error", Verdict::kAuth},
    WordRow{"invalid_request_error", Verdict::kClientError},
    WordRow{"not_found_error", Verdict::kClientError},
    WordRow{"request_too_large", Verdict::kClientError},
    WordRow{"context_length_exceeded", Verdict::kClientError},
    WordRow{"INVALID_ARGUMENT", Verdict::kClientError},
    WordRow{"validationException", Verdict::kClientError},
    WordRow{"invalid_prompt", Verdict::kContentPolicy},
    WordRow{"content_filter", Verdict::kContentPolicy},
    WordRow{"content_policy_violation", Verdict::kContentPolicy},
};

}  // namespace

bool nobody_waits(const Error& failure) noexcept {
  if (failure.code == Errc::kCancelled) return true;
  return failure.origin == Origin::kClient && failure.code != Errc::kTooLarge;
}

BuiltIn judge_failure(const Error& failure) noexcept {
  if (nobody_waits(failure)) return {Verdict::kCancelled, "nobody waits for it any more"};
  if (failure.code == Errc::kTooLarge && failure.origin == Origin::kClient) {
    return {Verdict::kClientError, "the request exceeds a bound"};
  }
  // After the head of an answer it proves nothing (RFC 9113 8.7).
  if (failure.reason == "stream_refused" && failure.phase < Phase::kAnswered) {
    return {Verdict::kRefusedUnsent, "the upstream refused the stream unprocessed"};
  }
  if (failure.reason == "http_response_incomplete") return judge_broken_off(failure);
  switch (failure.phase) {
    case Phase::kNoConnection:
    case Phase::kNothingAccepted:
      return judge_unsent(failure);
    case Phase::kPartlyWritten:
    case Phase::kFullyWritten:
      return judge_lost(failure);
    case Phase::kAnswered:
    case Phase::kCommitted:
      break;
  }
  return judge_broken_off(failure);
}

BuiltIn judge_defect(std::string_view defect) noexcept {
  if (defect == "truncated") return {Verdict::kTruncated, "the answer lacks its end"};
  if (defect == "invalid_json") return {Verdict::kInvalidResponse, "the answer is broken JSON"};
  if (defect == "wrong_content_type") {
    return {Verdict::kInvalidResponse, "the answer has another content type than was asked for"};
  }
  if (defect == "empty_body") return {Verdict::kInvalidResponse, "the answer has no body"};
  return {Verdict::kInvalidResponse, "the answer is no success, whatever its status"};
}

BuiltIn judge_status(int status) noexcept {
  if (status < 400) return {Verdict::kOk, "the status says success"};
  const auto found = std::ranges::find(kStatuses, status, &StatusRow::status);
  if (found != kStatuses.end()) return found->says;
  if (status < 500) return {Verdict::kClientError, "4xx: the request is refused"};
  return {Verdict::kTransient, "5xx: the service failed"};  // above 599 too (RFC 9110 15)
}

std::string_view grpc_status(const http::Headers& headers) noexcept {
  const std::string_view type = headers.get(http::HeaderId::kContentType);
  if (!type.starts_with("application/grpc")) return {};
  const http::Field* status = headers.find("grpc-status");
  return status == nullptr ? std::string_view{} : status->value;
}

std::optional<BuiltIn> judge_grpc(std::string_view grpc_status) noexcept {
  const GrpcRow* row = find_grpc(grpc_status);
  return row == nullptr ? std::nullopt : std::optional(row->says);
}

std::string_view grpc_name(std::string_view grpc_status) noexcept {
  const GrpcRow* row = find_grpc(grpc_status);
  return row == nullptr ? std::string_view{} : row->name;
}

std::optional<BuiltIn> judge_word(std::string_view error) noexcept {
  const auto found = std::ranges::find_if(
      kWords, [&](const WordRow& row) { return http::equals_ignore_case(row.word, error); });
  if (found == kWords.end()) return std::nullopt;
  return BuiltIn{found->verdict, "the error code of the event"};
}

}  // namespace outrigger::filters
