// Positions in an event stream, written into it as event ids, so that a client that has lost its
// connection can go on behind the last event that it got: it names that in Last-Event-ID (WHATWG
// HTML 9.2, durability 3 "Resume by position"). Only where a route asks for it: bytes are added.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/http/body.h"

namespace outrigger::filters {

// Where a client goes on: the record's key (stored_record.h), the request that executed it, since a
// later execution is another answer, and the byte of that.
struct StreamPosition {
  std::string key;
  std::string execution;  // a request's identifier: letters and digits
  std::uint64_t offset = 0;
  bool operator==(const StreamPosition&) const = default;
};
[[nodiscard]] std::string event_id(const StreamPosition& position);
// Nothing when it is no id of ours.
[[nodiscard]] std::optional<StreamPosition> parse_event_id(std::string_view text);

// Adds an id to each event, and one in front of them all. Pure; one a stream.
class EventIdWriter {
 public:
  // The first byte that is written is that of the stored answer at `from`.
  explicit EventIdWriter(StreamPosition from) : at_(std::move(from)) {}
  [[nodiscard]] std::string first() const { return "id: " + event_id(at_) + "\n\n"; }
  [[nodiscard]] std::string write(std::string_view bytes);

 private:
  StreamPosition at_;  // the next byte
  bool line_empty_ = true;
  bool block_empty_ = true;    // no line since the last event
  bool after_return_ = false;  // the last byte was a CR, which has ended its line
};

class EventIdBody final : public http::BodySource {
 public:
  EventIdBody(http::Body inner, StreamPosition from)
      : inner_(std::move(inner)), writer_(std::move(from)) {}
  Task<Result<Slice>> read(CancelScope& scope) override;
  [[nodiscard]] bool ready() const noexcept override { return !begun_ || inner_.ready(); }
  [[nodiscard]] const http::Headers* trailers() const noexcept override {
    return inner_.trailers();
  }

 private:
  http::Body inner_;
  EventIdWriter writer_;
  bool begun_ = false;
};

}  // namespace outrigger::filters
