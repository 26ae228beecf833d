#include "proxy/cli/pasted_answer.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "filters/classify/answer_kind.h"
#include "filters/classify/error_body.h"
#include "filters/classify/json_fields.h"
#include "proxy/http/sse_parser.h"

namespace outrigger::cli {
namespace {

std::unexpected<Error> refuse(std::string detail) {
  return fail(Errc::kConfig, Origin::kClient, "pasted_answer", std::move(detail));
}

// One line, without its end; `text` moves behind it.
std::string_view take_line(std::string_view& text) noexcept {
  std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin);
}

// Of `curl -v`: "< HTTP/2 429", "< retry-after: 3", then the body without a mark.
std::string without_marks(std::string_view text) {
  std::string kept;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line.starts_with("> ") || line == ">" || line.starts_with("* ")) continue;
    if (line.starts_with("{ [") || line.starts_with("} [")) continue;  // its progress
    kept += line.starts_with("< ") ? line.substr(2) : line == "<" ? "" : line;
    kept += '\n';
  }
  return kept;
}

// "HTTP/1.1 429 Too Many Requests", "HTTP/2 429".
std::optional<int> status_of(std::string_view line) noexcept {
  if (!line.starts_with("HTTP/")) return std::nullopt;
  const std::size_t space = std::min(line.find(' '), line.size() - 1);
  const std::string_view code = line.substr(space + 1, 3);
  int status = 0;
  const auto [end, error] = std::from_chars(code.data(), code.data() + code.size(), status);
  const bool whole = error == std::errc{} && end == code.data() + 3;
  return whole && status >= 100 && status <= 999 ? std::optional(status) : std::nullopt;
}

bool is_name(std::string_view name) noexcept {
  return !name.empty() && std::ranges::none_of(name, [](unsigned char c) {
    return c <= ' ' || c >= 0x7F || std::string_view("(),/:;<=>?@[\\]{}\"").contains(c);
  });
}

// Status line and fields of one answer; `text` moves behind the empty line.
Status take_head(std::string_view& text, PastedAnswer& answer) {
  const std::string_view first = take_line(text);
  const std::optional<int> status = status_of(first);
  if (!status) return refuse(fmt::format("\"{}\" is no status line: HTTP/1.1 429", first));
  answer.status = *status;
  answer.headers.clear();
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (trimmed(line).empty()) break;
    const std::size_t colon = line.find(':', 1);  // an HTTP/2 name may begin with one
    const std::string_view name = line.substr(0, std::min(colon, line.size()));
    if (name.starts_with(':')) continue;
    if (colon == std::string_view::npos || !is_name(name)) {
      return refuse(fmt::format(
          "\"{}\" is no header field; an empty line stands between headers and body", line));
    }
    answer.headers.add(name, trimmed(line.substr(colon + 1)));
  }
  return {};
}

// Browsers and curl show a body decoded and its headers as they came.
std::string decoded(std::string_view body, const http::Headers& headers) {
  const std::string_view coding = headers.get(http::HeaderId::kContentEncoding);
  if (coding.empty()) return std::string(body);
  const auto plain = filters::decode_bounded(coding, body, filters::kErrorBodyBytes);
  return plain && !plain->text.empty() ? plain->text : std::string(body);
}

bool tells_of_error(const http::SseEvent& event) {
  if (event.type == "error" || event.type == "response.failed") return true;
  const filters::JsonAnswer data(event.data);
  for (const std::string_view pointer : {"/error", "/response/error"}) {
    for (const filters::JsonValue& value : data.find(pointer)) {
      if (value.text != "null" && value.text != "false") return true;
    }
  }
  return false;
}

// Keeps the first error event of the stream; without one, the last event where it must be one.
Status keep_error_event(PastedAnswer& answer, PasteKind kind) {
  http::SseParser parser;
  std::string_view rest = answer.body;
  std::string type, data;
  bool found = false, any = false;
  const auto look = [&] {
    const http::SseEvent& event = parser.event();
    if (found || !event.has_data) return;
    found = tells_of_error(event);
    any = true;
    type = event.type;
    data = event.data;
  };
  while (parser.next(rest) == http::SseParser::Got::kBlock) look();
  while (parser.finish() == http::SseParser::Got::kBlock) look();
  if (!any && kind == PasteKind::kStream) {
    answer.in_stream = true;  // the data alone
    return {};
  }
  if (!found && kind == PasteKind::kAnswer) {
    return refuse("no event of this stream tells of an error; --in-stream takes the last one");
  }
  answer.in_stream = true;
  answer.event_type = type;
  answer.body = data;
  return {};
}

bool is_stream(const PastedAnswer& answer) {
  return filters::is_event_stream(answer.headers) || answer.body.starts_with("event:") ||
         answer.body.starts_with("data:");
}

}  // namespace

Result<PastedAnswer> read_pasted(std::string_view text, std::optional<int> status, PasteKind kind) {
  const bool verbose = text.starts_with("< HTTP/") || text.contains("\n< HTTP/");
  const std::string unmarked = verbose ? without_marks(text) : std::string(text);
  std::string_view rest = unmarked;
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r\n"), rest.size()));
  if (rest.empty()) return refuse("there is nothing to judge: the answer is empty");

  PastedAnswer answer;
  const bool has_head = rest.starts_with("HTTP/");
  while (rest.starts_with("HTTP/")) {
    if (auto head = take_head(rest, answer); !head) return std::unexpected(std::move(head).error());
  }
  answer.body = has_head ? decoded(trimmed(rest), answer.headers) : std::string(trimmed(rest));
  if (status) answer.status = *status;
  const bool stream = kind == PasteKind::kStream || (answer.status < 400 && is_stream(answer));
  if (!has_head && !status && !stream) {
    const bool json = rest.starts_with('{') || rest.starts_with('[');
    return refuse(json ? "this is a body without a status line: add --status 429, or --in-stream "
                         "for an event of a stream"
                       : "this is no answer: it begins neither with a status line (HTTP/1.1 429) "
                         "nor with JSON; --status takes it as the body of one");
  }
  if (stream) {
    if (auto kept = keep_error_event(answer, kind); !kept) {
      return std::unexpected(std::move(kept).error());
    }
  }
  return answer;
}

}  // namespace outrigger::cli
