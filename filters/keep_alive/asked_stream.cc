#include "filters/keep_alive/asked_stream.h"

#include "proxy/base/json_cursor.h"

namespace outrigger::filters {
namespace {

bool says_stream(std::string_view json) {
  JsonCursor cursor(json);
  bool asked = false;
  cursor.members([&](std::string_view key) {
    const std::string_view value = cursor.skip();
    if (key == "stream") asked = value == "true";
  });
  return asked;
}

}  // namespace

bool asks_for_stream(const http::RequestHead& head, std::string_view body) {
  if (head.headers.get(http::HeaderId::kAccept).contains("text/event-stream")) return true;
  if (head.path().ends_with(":streamGenerateContent") && head.target.contains("alt=sse")) {
    return true;
  }
  return says_stream(body);
}

http::Dialect asked_dialect(config::Dialect dialect, std::string_view path) noexcept {
  const bool any = dialect == config::Dialect::kAuto || !config::has_streams(dialect);
  if (dialect == config::Dialect::kOpenai || any) {
    if (path.ends_with("/responses")) return http::Dialect::kResponses;
    if (path.ends_with("/completions") || !any) return http::Dialect::kChat;
  }
  if (dialect == config::Dialect::kAnthropic || (any && path.ends_with("/messages"))) {
    return http::Dialect::kAnthropic;
  }
  if (dialect == config::Dialect::kGemini || (any && path.ends_with(":streamGenerateContent"))) {
    return http::Dialect::kGemini;
  }
  return http::Dialect::kSse;
}

}  // namespace outrigger::filters
