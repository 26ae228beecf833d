// What goes wrong with one answer of the mock upstream, and the words that say so:
// "status=429;retry-after=2", "fail-first=2:503", "cut=3". One table names every word, for the
// parser, for help and for the documentation. Pure values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/units.h"
#include "proxy/base/duration.h"

namespace outrigger::mock {

using Fields = std::vector<std::pair<std::string, std::string>>;

// What comes instead of an answer.
enum class Wire : std::uint8_t { kAnswer, kReset, kClose, kHang, kJunk, kHalfHead };
enum class Content : std::uint8_t { kProper, kMalformed, kHtml, kEmpty };
// How the body ends.
enum class Ending : std::uint8_t {
  kProper,
  kCut,              // the HTTP message ends well, the answer in it does not
  kBreak,            // the connection ends inside the message: FIN; RST_STREAM on HTTP/2
  kAbort,            // the same with RST
  kStall,            // silence
  kErrorEvent,       // the dialect's error event, then a proper end of the message
  kNoTerminator,     // everything but what says that the answer is complete
  kNoDone,           // everything but `data: [DONE]`
  kNoLastBlankLine,  // the last event of an event stream is not closed
  kTruncate,         // Content-Length promises more than comes
};

// A place in a stream: behind so many events with content; kStart: before the first byte.
struct Place {
  static constexpr std::uint32_t kStart = UINT32_MAX;
  std::uint32_t events = 0;
};

struct Fault {
  std::string text;  // as written

  Wire wire = Wire::kAnswer;
  bool early = false;  // answers before the request's body is read
  std::optional<int> status;
  std::string code;     // of the error, in the provider's words; empty: what goes with the status
  std::string message;  // of the error; empty: one that fits
  std::string param;    // of the request that the error names (OpenAI)
  std::string retry_after;
  std::optional<Duration> retry_after_ms, retry_after_date;
  Fields headers;
  std::optional<int> interim;

  Content content = Content::kProper;
  bool gzip = false;
  std::string words;           // the text of the answer; empty: the usual words
  std::uint64_t size = 0;      // of the text inside the answer or the error, in bytes
  std::uint32_t events = 0;    // with content, in a stream; 0: as many as usual
  std::uint32_t split = 0;     // bytes a write; 0: an event a write
  std::uint32_t comments = 0;  // keep-alive comments in front of the first event
  bool crlf = false;           // lines of an event stream end in CR LF
  bool byte_order_mark = false;

  Ending ending = Ending::kProper;
  Place place;
  double share = 1;  // of the body that kTruncate sends

  Duration delay{0}, first_event_delay{0}, gap{0};

  std::optional<config::Rate> rate;  // more requests than this draw a 429
  std::uint32_t fail_first = 0;      // of each key, so many requests fail; the others are healthy
  std::optional<double> fail_share;  // of all requests, drawn by the seed
};

struct FaultError {
  std::size_t offset = 0;  // in the text
  std::string message;     // one line for a person
};

// Reads words joined by ';'; of two that contradict each other the later counts. An empty text is
// the healthy answer.
std::expected<Fault, FaultError> parse_fault(std::string_view text);
// "at 7: ...", for a person who sees the text.
std::string to_string(const FaultError& error);

// What remains of a fault for a request that `fail` or `fail-first` spares: its pace.
Fault spared(const Fault& fault);

struct FaultWord {
  std::string_view form;     // "retry-after=VALUE"
  std::string_view meaning;  // one line
};
// Every word, in the order of the documentation.
std::span<const FaultWord> fault_words() noexcept;

}  // namespace outrigger::mock
