// Streamed answers of any bytes, in every dialect and framing: the way they are split changes
// nothing, every byte belongs to an event or is left over, what mends a stream makes it whole, and
// the JSON walk agrees with itself however it is fed.
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/json_checker.h"
#include "proxy/http/dialect_error.h"
#include "proxy/http/dialect_stream.h"
#include "tests/fuzz/require.h"

namespace outrigger::http {
namespace {

struct Seen {
  std::string events;  // a letter each, with the size of its data
  std::string data;
  DialectStream::Rest rest = DialectStream::Rest::kNone;
  std::string mend;
  bool complete = false;
  bool broken = false;
  Dialect dialect = Dialect::kAuto;
  std::uint64_t sequence = 0;
  bool operator==(const Seen&) const = default;
};

Seen watch(Dialect dialect, StreamFraming framing, std::string_view bytes, std::size_t step) {
  DialectStream stream(dialect, framing);
  Seen seen;
  std::uint64_t covered = 0;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    const std::string piece(bytes.substr(at, step));
    std::string_view in = piece;
    while (const auto kind = stream.next(in)) {
      require(stream.at_boundary(), "behind an event nothing is pending");
      require(stream.kind() == *kind, "an event has one kind");
      covered = at + piece.size() - in.size();
      seen.events += "-ste"[static_cast<int>(*kind)];
      seen.data.append(stream.type()).append(":").append(stream.data()).append(";");
    }
    require(in.empty(), "a stream takes all that it gets");
    require(stream.broken() || stream.pending_bytes() == at + piece.size() - covered,
            "every byte belongs to an event or is pending");
  }
  seen.rest = stream.finish();
  seen.mend = stream.mend();
  seen.complete = stream.complete();
  seen.broken = stream.broken();
  seen.dialect = stream.dialect();
  seen.sequence = stream.next_sequence();
  return seen;
}

void check_stream(Dialect dialect, StreamFraming framing, std::string_view bytes) {
  const Seen whole = watch(dialect, framing, bytes, bytes.size() + 1);
  for (const std::size_t step : {1, 2, 3, 7, 64}) {
    require(watch(dialect, framing, bytes, step) == whole,
            "a stream says the same however it is split");
  }
  if (whole.rest == DialectStream::Rest::kMendable) {
    const std::string mended = std::string(bytes) + whole.mend;
    const Seen again = watch(dialect, framing, mended, mended.size());
    require(again.rest == DialectStream::Rest::kNone, "a mended stream has no rest");
    require(again.complete == whole.complete, "mending adds what was counted already");
    require(again.events.size() == whole.events.size() + 1, "mending ends one event");
  }
  if (whole.rest != DialectStream::Rest::kNone || whole.broken) return;
  if (framing == StreamFraming::kSse && !bytes.ends_with("\n\n")) return;
  if (framing == StreamFraming::kLines && !bytes.empty() && !bytes.ends_with('\n')) return;
  const std::string told =
      std::string(bytes) + error_event(whole.dialect, "stream_truncated", "lost", whole.sequence);
  const Seen again = watch(dialect, framing, told, told.size());
  require(again.events.ends_with('e'), "our own event is an error to whoever reads the dialect");
}

void check_json(std::string_view bytes) {
  JsonChecker whole;
  const std::size_t taken = whole.feed(bytes);
  for (const std::size_t step : {1, 2, 7}) {
    JsonChecker checker;
    std::size_t sum = 0;
    for (std::size_t at = 0; at < bytes.size() && sum == at; at += step) {
      sum += checker.feed(bytes.substr(at, step));
    }
    require(sum == taken && checker.state() == whole.state() && checker.finish() == whole.finish(),
            "JSON is JSON however it is split");
  }
}

}  // namespace
}  // namespace outrigger::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace outrigger::http;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const Dialect dialect :
       {Dialect::kAuto, Dialect::kOpenai, Dialect::kAnthropic, Dialect::kGemini, Dialect::kCohere,
        Dialect::kResponses, Dialect::kSse}) {
    check_stream(dialect, StreamFraming::kSse, bytes);
  }
  check_stream(Dialect::kNdjson, StreamFraming::kLines, bytes);
  check_stream(Dialect::kBedrock, StreamFraming::kFrames, bytes);
  check_json(bytes);
  return 0;
}
