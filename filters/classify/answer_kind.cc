#include "filters/classify/answer_kind.h"

#include "proxy/http/status.h"

namespace outrigger::filters {
namespace {

using http::HeaderId;

std::string_view media_type(std::string_view content_type) noexcept {
  const std::string_view type = content_type.substr(0, content_type.find(';'));
  return type.substr(0, type.find_last_not_of(" \t") + 1);
}

bool ends_ignoring_case(std::string_view text, std::string_view end) noexcept {
  return text.size() >= end.size() &&
         http::equals_ignore_case(text.substr(text.size() - end.size()), end);
}

// Gemini without alt=sse streams the elements of one array: to hold it would end the streaming.
bool is_array_stream(const http::RequestHead& request) noexcept {
  return request.path().ends_with(":streamGenerateContent");
}

}  // namespace

std::optional<http::StreamFraming> framing_of(std::string_view content_type) noexcept {
  const std::string_view type = media_type(content_type);
  if (http::equals_ignore_case(type, "text/event-stream")) return http::StreamFraming::kSse;
  if (http::equals_ignore_case(type, "application/x-ndjson")) return http::StreamFraming::kLines;
  if (http::equals_ignore_case(type, "application/vnd.amazon.eventstream")) {
    return http::StreamFraming::kFrames;
  }
  return std::nullopt;
}

bool is_event_stream(const http::Headers& headers) noexcept {
  return framing_of(headers.get(HeaderId::kContentType)) == http::StreamFraming::kSse;
}

bool is_json_type(std::string_view content_type) noexcept {
  const std::string_view type = media_type(content_type);
  return http::equals_ignore_case(type, "application/json") || ends_ignoring_case(type, "+json");
}

bool is_identity(const http::Headers& headers) noexcept {
  const std::string_view coding = headers.get(HeaderId::kContentEncoding);
  return coding.empty() || http::equals_ignore_case(coding, "identity");
}

AnswerKind answer_kind(const http::RequestHead& request, const http::Response& response,
                       const config::Policies& policies, bool wants_body) noexcept {
  const http::ResponseHead& head = response.head;
  if (response.tunnel != nullptr) return AnswerKind::kPlain;
  if (wants_body) return AnswerKind::kSuspect;
  const std::string_view type = head.headers.get(HeaderId::kContentType);
  if (type.starts_with("application/grpc")) return AnswerKind::kGrpc;
  const bool has_answer = http::is_success(head.status) && head.status != 206 &&
                          !http::has_no_content(head.status) &&
                          request.method != http::Method::kHead;
  if (!has_answer) return AnswerKind::kPlain;
  const bool streams = config::has_streams(policies.dialect);
  if (streams && framing_of(type) && is_identity(head.headers)) return AnswerKind::kEvents;
  if (streams && request.method == http::Method::kPost &&
      http::equals_ignore_case(media_type(type), "text/html")) {
    return AnswerKind::kWrongType;
  }
  if (policies.commit.until == config::CommitUntil::kOnComplete) return AnswerKind::kWhole;
  if (streams && is_json_type(type) && is_array_stream(request)) {
    return is_identity(head.headers) ? AnswerKind::kArray : AnswerKind::kPlain;
  }
  const bool check = policies.dialect != config::Dialect::kNone &&
                     policies.commit.until != config::CommitUntil::kHead && is_json_type(type);
  return check ? AnswerKind::kWhole : AnswerKind::kPlain;
}

http::StreamFraming stream_framing(const http::ResponseHead& head) noexcept {
  return framing_of(head.headers.get(HeaderId::kContentType)).value_or(http::StreamFraming::kSse);
}

http::Dialect stream_dialect(config::Dialect dialect, http::StreamFraming framing) noexcept {
  if (framing == http::StreamFraming::kFrames) return http::Dialect::kBedrock;
  if (framing == http::StreamFraming::kLines) return http::Dialect::kNdjson;
  switch (dialect) {
    case config::Dialect::kOpenai:
      return http::Dialect::kOpenai;
    case config::Dialect::kAnthropic:
      return http::Dialect::kAnthropic;
    case config::Dialect::kGemini:
      return http::Dialect::kGemini;
    case config::Dialect::kCohere:
      return http::Dialect::kCohere;
    case config::Dialect::kSse:
      return http::Dialect::kSse;
    default:
      return http::Dialect::kAuto;
  }
}

}  // namespace outrigger::filters
