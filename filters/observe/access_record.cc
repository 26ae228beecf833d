#include "filters/observe/access_record.h"

#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstring>

#include "config/words.h"
#include "proxy/base/buffer.h"
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

constexpr std::size_t kAddressRoom = 128;  // a Unix socket's path is at most 107 bytes

// IPv4 without the string that SocketAddress::to_string makes: nearly every client of a sidecar.
std::string_view write_address(char (&room)[kAddressRoom], const SocketAddress& address) {
  if (address.family() != AF_INET) {
    const std::string text = address.to_string();
    return {room, text.copy(room, kAddressRoom)};
  }
  const auto& v4 = *reinterpret_cast<const sockaddr_in*>(address.raw());
  const auto* bytes = reinterpret_cast<const unsigned char*>(&v4.sin_addr);
  char* at = room;
  for (int i = 0; i < 4; ++i) {
    at = std::to_chars(at, at + 3, static_cast<unsigned>(bytes[i])).ptr;
    *at++ = i < 3 ? '.' : ':';
  }
  at = std::to_chars(at, at + 5, ntohs(v4.sin_port)).ptr;
  return {room, static_cast<std::size_t>(at - room)};
}

// One line in the making, written through a bare pointer: keys are literals, so that each is a few
// fixed moves. Whoever makes it has seen to the room.
class Line {
 public:
  explicit Line(char* at) noexcept : at_(at) {}
  [[nodiscard]] char* at() const noexcept { return at_; }

  template <std::size_t N>
  void literal(const char (&text)[N]) noexcept {
    std::memcpy(at_, text, N - 1);
    at_ += N - 1;
  }
  // Text that is ours and needs no escaping.
  template <std::size_t N>
  void plain(const char (&key)[N], std::string_view text) noexcept {
    if (text.empty()) return;
    literal(key);
    *at_++ = '"';
    copy_short(at_, text.data(), text.size());
    at_ += text.size();
    *at_++ = '"';
  }
  template <std::size_t N>
  void text(const char (&key)[N], std::string_view text,
            std::size_t longest = kLongestText) noexcept {
    if (text.empty()) return;
    literal(key);
    at_ = write_json_string(at_, text.substr(0, longest));
  }
  template <std::size_t N, std::integral Integer>
  void number(const char (&key)[N], Integer number) noexcept {
    literal(key);
    if (number >= 0 && number < 10) {
      *at_++ = static_cast<char>('0' + number);
    } else {
      at_ = std::to_chars(at_, at_ + 20, number).ptr;
    }
  }
  template <std::size_t N>
  void time(const char (&key)[N], Duration value) noexcept {
    literal(key);
    at_ = write_milliseconds(at_, value);
  }

 private:
  char* at_;
};

// Numbers, keys and texts of bounded length; the rest is counted by its size.
constexpr std::size_t kFixedRoom = 2048;
constexpr std::size_t kAttemptRoom = 512 + kLongestText * kMostEscaped * 3;

constexpr std::size_t kWouldRoom = 128;  // two short words of ours

std::size_t room_for(const AccessRecord& record, std::string_view target) noexcept {
  std::size_t texts = std::min(target.size(), kLongestPath);
  for (const std::string_view text :
       {record.upstream_request_id, record.method, record.host, record.upstream, record.route,
        record.user_agent, record.fallback}) {
    texts += std::min(text.size(), kLongestText);
  }
  return kFixedRoom + texts * kMostEscaped + record.attempts.size() * kAttemptRoom +
         record.would_have.size() * kWouldRoom;
}

bool went_well(const Attempt& attempt) noexcept {
  return !attempt.judged || attempt.verdict == Verdict::kOk;
}

void write_attempts(Line& line, const AccessRecord& record) noexcept {
  line.number(",\"attempts\":", record.attempts.size());
  if (record.attempts.empty()) return;
  line.literal(",\"attempt_log\":[");
  TimePoint idle_since = record.started;
  unsigned n = 0;
  for (const Attempt& attempt : record.attempts) {
    if (n++ > 0) line.literal(",");
    line.number("{\"n\":", n);
    line.plain(",\"addr\":", attempt.endpoint);
    line.number(",\"status\":", attempt.status);
    if (attempt.judged) line.plain(",\"verdict\":", to_string(attempt.verdict));
    line.text(",\"error\":", error_of(attempt));
    if (attempt.failed || !went_well(attempt)) {
      line.plain(",\"phase\":", to_string(attempt.phase));
    }
    if (attempt.failed) line.text(",\"reason\":", attempt.reason);
    line.time(",\"dur_ms\":", attempt.ended - attempt.started);
    if (n > 1) line.time(",\"wait_ms\":", attempt.started - idle_since);
    if (attempt.reused_connection) line.literal(",\"reused\":true");
    if (attempt.probe) line.literal(",\"probe\":true");
    if (attempt.verdict != Verdict::kOk) line.plain(",\"stop\":", attempt.stop);
    line.literal("}");
    idle_since = attempt.ended;
  }
  line.literal("]");
}

void write_would_have(Line& line, std::span<const Would> would_have) noexcept {
  if (would_have.empty()) return;
  line.literal(",\"would_have\":[");
  for (std::size_t i = 0; i < would_have.size(); ++i) {
    if (said_before(would_have, i)) continue;
    if (i > 0) line.literal(",");
    line.plain("{\"policy\":", to_string(would_have[i].policy));
    line.plain(",\"what\":", would_have[i].what);
    line.literal("}");
  }
  line.literal("]");
}

void write_line(Line& line, const AccessRecord& record, std::string_view address,
                std::string_view target) noexcept {
  line.plain("{\"ts\":", record.timestamp);
  line.literal(",\"level\":\"info\",\"msg\":\"request\",\"logger\":\"access\"");
  line.plain(",\"request_id\":", record.request_id);
  line.text(",\"upstream_request_id\":", record.upstream_request_id);
  line.plain(",\"trace_id\":", record.trace_id);
  line.plain(",\"client_addr\":", address);
  line.plain(",\"mode\":", record.mode);
  line.plain(",\"method\":", record.method.substr(0, kLongestText));  // a token
  line.plain(",\"host\":", record.host.substr(0, kLongestText));      // checked by the codecs
  line.text(",\"path\":", target, kLongestPath);
  line.plain(",\"upstream\":", record.upstream);
  line.text(",\"route\":", record.route);
  line.number(",\"status\":", record.status);
  line.plain(",\"source\":", record.source);
  line.plain(",\"why\":", record.why);
  line.plain(",\"fallback\":", record.fallback);
  if (record.degraded) line.literal(",\"degraded\":true");
  write_attempts(line, record);
  write_would_have(line, record.would_have);
  line.plain(",\"replay_lost\":", record.replay_lost);
  if (record.queued > Duration{0}) line.time(",\"queue_ms\":", record.queued);
  line.time(",\"dur_ms\":", record.total);
  if (record.first_byte) line.time(",\"ttfb_ms\":", *record.first_byte);
  if (record.overhead) line.time(",\"overhead_ms\":", *record.overhead);
  line.number(",\"bytes_in\":", record.bytes_in);
  line.number(",\"bytes_out\":", record.bytes_out);
  if (record.stream) line.literal(",\"stream\":true");
  if (record.chunks > 1) line.number(",\"chunks\":", record.chunks);
  line.plain(",\"http_version\":", record.http_version);
  line.plain(",\"tls_version\":", record.tls_version);
  line.text(",\"user_agent\":", record.user_agent);
  if (record.auth_present) line.literal(",\"auth_present\":true");
  if (record.client_aborted) line.literal(",\"client_aborted\":true");
  line.literal("}\n");
}

// For a terminal: what could move its cursor or change its colours becomes '?'.
void append_visible(std::string& out, std::string_view text) {
  for (const char c : text) out += c > ' ' && c < 0x7f ? c : '?';
}

}  // namespace

void append_json(std::string& out, const AccessRecord& record) {
  char address[kAddressRoom];
  const std::string_view client =
      record.client == nullptr ? std::string_view{} : write_address(address, *record.client);
  std::string redacted;
  std::string_view target = record.target.substr(0, kLongestPath);
  if (target.find('?') != std::string_view::npos) target = redacted = redacted_target(target);
  const std::size_t before = out.size();
  const std::size_t room = room_for(record, target);
  out.resize_and_overwrite(before + room, [&](char* all, std::size_t) {
    Line line(all + before);
    write_line(line, record, client, target);
    return static_cast<std::size_t>(line.at() - all);
  });
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
  if (!record.fallback.empty()) out.append(" fallback=").append(record.fallback);
  if (record.attempts.size() > 1) append_number(out.append(" attempts="), record.attempts.size());
  for (std::size_t i = 0; i < record.would_have.size(); ++i) {
    if (said_before(record.would_have, i)) continue;
    const Would& would = record.would_have[i];
    out.append(" would_have=").append(to_string(would.policy)).append(":").append(would.what);
  }
  if (record.queued > Duration{0}) {
    append_milliseconds(out.append(" queued="), record.queued);
    out += "ms";
  }
  if (record.stream) append_number(out.append(" chunks="), record.chunks);
  if (record.client_aborted) out += " client_aborted";
  out.append(" id=").append(record.request_id);
  out += '\n';
}

bool said_before(std::span<const Would> would_have, std::size_t i) noexcept {
  return std::ranges::any_of(would_have.first(i), [&](const Would& before) {
    return before.policy == would_have[i].policy && before.what == would_have[i].what;
  });
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
  if (!attempt.error.empty()) return attempt.error;
  const bool own_doing = attempt.code == Errc::kCancelled;  // the reason says it
  return attempt.failed && !own_doing ? proxy_error_of(attempt) : std::string_view{};
}

std::string_view proxy_error_of(const Attempt& attempt) noexcept {
  Error error;
  error.code = attempt.code;
  error.origin = Origin::kUpstream;
  error.phase = attempt.phase;
  error.reason = attempt.reason;
  return http::problem_kind(error).proxy_error;
}

}  // namespace outrigger::filters
