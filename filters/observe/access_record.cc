#include "filters/observe/access_record.h"

#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <concepts>

#include "proxy/base/json_writer.h"
#include "proxy/base/redact.h"
#include "proxy/http/problem.h"

namespace outrigger::filters {
namespace {

// Of the access line: keys that many clients fill at will are cut.
constexpr std::size_t kLongestText = 256;
constexpr std::size_t kLongestPath = 2048;

template <std::integral Integer>
void append_number(std::string& out, Integer number) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

// IPv4 without the string that SocketAddress::to_string makes: nearly every client of a sidecar.
void append_address(std::string& out, const SocketAddress& address) {
  if (address.family() != AF_INET) {
    out += address.to_string();
    return;
  }
  const auto& v4 = *reinterpret_cast<const sockaddr_in*>(address.raw());
  const auto* bytes = reinterpret_cast<const unsigned char*>(&v4.sin_addr);
  for (int i = 0; i < 4; ++i) {
    append_number(out, static_cast<unsigned>(bytes[i]));
    out += i < 3 ? '.' : ':';
  }
  append_number(out, ntohs(v4.sin_port));
}

class Line {
 public:
  explicit Line(std::string& out) : out_(out), json_(out) { json_.begin_object(); }

  template <class T>
  void put(std::string_view key, const T& value) {
    json_.member(key, value);
  }
  // Text that is ours and needs no escaping.
  void put_plain(std::string_view key, std::string_view text) {
    if (text.empty()) return;
    json_.key(key);
    json_.plain(text);
  }
  void put_text(std::string_view key, std::string_view text) {
    if (!text.empty()) json_.member(key, text.substr(0, kLongestText));
  }
  void put_flag(std::string_view key, bool flag) {
    if (flag) json_.member(key, true);
  }
  void put_target(std::string_view target) {
    target = target.substr(0, kLongestPath);
    if (target.find('?') == std::string_view::npos) {
      json_.member("path", target);
    } else {
      json_.member("path", std::string_view(redacted_target(target)));
    }
  }
  void put_address(const SocketAddress& address) {
    json_.key("client_addr");
    json_.plain({});
    out_.pop_back();
    append_address(out_, address);
    out_ += '"';
  }
  void put_attempts(const AccessRecord& record);
  void end() {
    json_.end_object();
    out_ += '\n';
  }

 private:
  std::string& out_;
  JsonWriter json_;
};

void Line::put_attempts(const AccessRecord& record) {
  put("attempts", record.attempts.size());
  if (record.attempts.empty()) return;
  json_.key("attempt_log");
  json_.begin_array();
  TimePoint idle_since = record.started;
  unsigned n = 0;
  for (const Attempt& attempt : record.attempts) {
    json_.begin_object();
    put("n", ++n);
    put_text("addr", attempt.endpoint);
    put("status", attempt.status);
    if (attempt.failed) {
      put_plain("error", error_of(attempt));
      put_plain("phase", to_string(attempt.phase));
      put_text("reason", attempt.reason);
    }
    put("dur_ms", attempt.ended - attempt.started);
    put("wait_ms", attempt.started - idle_since);
    put_flag("reused", attempt.reused_connection);
    json_.end_object();
    idle_since = attempt.ended;
  }
  json_.end_array();
}

// For a terminal: what could move its cursor or change its colours becomes '?'.
void append_visible(std::string& out, std::string_view text) {
  for (const char c : text) out += c > ' ' && c < 0x7f ? c : '?';
}

}  // namespace

void append_json(std::string& out, const AccessRecord& record) {
  Line line(out);
  line.put_plain("ts", record.timestamp);
  line.put_plain("level", "info");
  line.put_plain("msg", "request");
  line.put_plain("logger", "access");
  line.put_plain("request_id", record.request_id);
  line.put_text("upstream_request_id", record.upstream_request_id);
  line.put_plain("trace_id", record.trace_id);
  if (record.client != nullptr) line.put_address(*record.client);
  line.put_plain("mode", record.mode);
  line.put_text("method", record.method);
  line.put_text("host", record.host);
  line.put_target(record.target);
  line.put_text("upstream", record.upstream);
  line.put_text("route", record.route);
  line.put("status", record.status);
  line.put_plain("source", record.source);
  line.put_plain("why", record.why);
  line.put_attempts(record);
  line.put("dur_ms", record.total);
  if (record.first_byte) line.put("ttfb_ms", *record.first_byte);
  if (record.overhead) line.put("overhead_ms", *record.overhead);
  line.put("bytes_in", record.bytes_in);
  line.put("bytes_out", record.bytes_out);
  line.put("stream", record.stream);
  line.put("chunks", record.chunks);
  line.put_plain("http_version", record.http_version);
  line.put_plain("tls_version", record.tls_version);
  line.put_text("user_agent", record.user_agent);
  line.put_flag("auth_present", record.auth_present);
  line.put_flag("client_aborted", record.client_aborted);
  line.end();
}

void append_text(std::string& out, const AccessRecord& record) {
  out += record.timestamp.substr(std::min<std::size_t>(11, record.timestamp.size()), 12);
  out += ' ';
  append_number(out, record.status);
  out += ' ';
  append_visible(out, record.method);
  out += ' ';
  append_visible(out, redacted_target(record.target.substr(0, kLongestPath)));
  out += ' ';
  append_milliseconds(out, record.total);
  out += "ms upstream=";
  append_visible(out, record.upstream);
  out += " source=";
  out += record.source;
  if (!record.why.empty()) out.append(" why=").append(record.why);
  if (record.attempts.size() > 1) append_number(out.append(" attempts="), record.attempts.size());
  if (record.stream) append_number(out.append(" chunks="), record.chunks);
  if (record.client_aborted) out += " client_aborted";
  out.append(" id=").append(record.request_id);
  out += '\n';
}

std::string_view trace_id_of(std::string_view traceparent) noexcept {
  constexpr std::size_t kSize = 55;  // 00-<32>-<16>-<2>
  if (traceparent.size() < kSize || traceparent.starts_with("ff")) return {};
  if (traceparent[2] != '-' || traceparent[35] != '-' || traceparent[52] != '-') return {};
  if (traceparent.size() > kSize && (traceparent.starts_with("00") || traceparent[55] != '-'))
    return {};
  const std::string_view id = traceparent.substr(3, 32);
  const bool hex = id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  const bool zero = id.find_first_not_of('0') == std::string_view::npos;
  return hex && !zero ? id : std::string_view{};
}

std::string_view error_of(const Attempt& attempt) noexcept {
  Error error;
  error.code = attempt.code;
  error.origin = Origin::kUpstream;
  error.phase = attempt.phase;
  error.reason = attempt.reason;
  return http::problem_kind(error).proxy_error;
}

}  // namespace outrigger::filters
