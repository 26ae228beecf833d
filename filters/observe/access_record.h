// One line of the access log: what it says, and how it is written (operability 3.2). Pure; a line
// is made without an allocation once the buffer has grown.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "filters/exchange.h"
#include "proxy/base/duration.h"
#include "proxy/net/address.h"

namespace outrigger::filters {

// Views borrow from the exchange. Empty text, absent times and false flags are left out of the
// line.
struct AccessRecord {
  std::string_view timestamp;  // RFC 3339
  std::string_view request_id;
  std::string_view upstream_request_id;
  std::string_view trace_id;  // of a valid traceparent
  const SocketAddress* client = nullptr;
  std::string_view mode;  // base_url, forward, connect, transparent
  std::string_view method;
  std::string_view host;
  std::string_view target;  // path and query; written redacted
  std::string_view route;
  std::string_view upstream;
  int status = 0;  // sent; 0: nothing was
  std::string_view source;
  std::string_view why;
  std::string_view fallback;  // the second way that gave the answer: an upstream, or `answer`
  bool degraded = false;      // the answer is second best
  std::span<const Attempt> attempts;
  std::span<const Would> would_have;  // of policies in shadow
  std::string_view replay_lost;       // why the request's body could not be sent again
  Duration queued{0};                 // waited for its turn at limits
  TimePoint started;
  Duration total{0};
  std::optional<Duration> first_byte;
  std::optional<Duration> overhead;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint32_t chunks = 0;
  std::string_view http_version;
  std::string_view tls_version;
  std::string_view user_agent;
  bool stream = false;
  bool auth_present = false;  // that there were credentials, never which
  bool client_aborted = false;
};

// Appends one JSON object and '\n'.
void append_json(std::string& out, const AccessRecord& record);
// Appends one line for a person at a terminal and '\n'.
void append_text(std::string& out, const AccessRecord& record);

// Whether `would_have[i]` says the same as one before it: each attempt asks a policy again.
[[nodiscard]] bool said_before(std::span<const Would> would_have, std::size_t i) noexcept;

// The trace id of a traceparent field (W3C Trace Context 3.2), or empty when it is not valid.
std::string_view trace_id_of(std::string_view traceparent) noexcept;

// The RFC 9209 error of a failed attempt: one of a closed list.
std::string_view proxy_error_of(const Attempt& attempt) noexcept;
// What went wrong in one word: the provider's own code where it gave one, else the RFC 9209 error;
// empty for an attempt without fault.
std::string_view error_of(const Attempt& attempt) noexcept;

}  // namespace outrigger::filters
