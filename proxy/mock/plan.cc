#include "proxy/mock/plan.h"

#include <algorithm>
#include <utility>

#include "proxy/mock/checksum.h"

namespace outrigger::mock {
namespace {

using Events = std::vector<Event>;

// Where a stream is cut: behind so many events with content, but never behind what says that it is
// complete, so that a cut is one however short the stream is.
Events::iterator place_in(Events& events, Place place) {
  if (place.events == Place::kStart) return events.begin();
  std::uint32_t seen = 0;
  return std::ranges::find_if(events, [&](const Event& event) {
    if (event.role == Role::kPreamble) return false;
    if (event.role != Role::kContent) return true;
    return seen++ == place.events;
  });
}

void remove_last_blank_line(Events& events) {
  if (events.empty()) return;
  std::string& last = events.back().bytes;
  while (last.ends_with('\n') || last.ends_with('\r')) last.pop_back();
  last += '\n';
}

// Half of a body that is no stream, and never all of it.
void halve(Events& events) {
  for (Event& event : events) event.bytes.resize(event.bytes.size() / 2);
}

void shorten(Answer& answer, Place place) {
  if (answer.stream) {
    answer.events.erase(place_in(answer.events, place), answer.events.end());
  } else if (place.events == Place::kStart) {
    answer.events.clear();
  } else {
    halve(answer.events);
  }
}

// In an array of JSON the error is an element, too.
void insert_error(Answer& answer, Place place, std::string error) {
  Events& events = answer.events;
  events.erase(place_in(events, place), events.end());
  if (answer.content_type.starts_with("application/json"))
    error = (events.empty() ? "[" : ",\r\n") + error + "]";
  events.push_back({Role::kContent, std::move(error)});
}

void apply_content(Answer& answer, const Fault& fault) {
  switch (fault.content) {
    case Content::kProper:
      return;
    case Content::kMalformed:
      if (!answer.stream) return halve(answer.events);
      for (Event& event : answer.events) {
        if (event.role == Role::kContent) std::erase(event.bytes, '}');
      }
      return;
    case Content::kHtml:
      answer.content_type = "text/html; charset=utf-8";
      answer.stream = false;
      answer.events = {
          {Role::kContent, "<!doctype html>\n<title>Service</title>\n<h1>All is well</h1>\n"}};
      return;
    case Content::kEmpty:
      answer.events.clear();
      answer.stream = false;
      return;
  }
}

void apply_ending(Answer& answer, const Fault& fault, const std::string& error) {
  Events& events = answer.events;
  const auto drop_from = [&events](Role role) {
    events.erase(std::ranges::find(events, role, &Event::role), events.end());
  };
  switch (fault.ending) {
    case Ending::kCut:
    case Ending::kBreak:
    case Ending::kAbort:
    case Ending::kStall:
      return shorten(answer, fault.place);
    case Ending::kErrorEvent:
      if (answer.stream) insert_error(answer, fault.place, error);
      return;
    case Ending::kNoTerminator:
      return answer.stream ? drop_from(Role::kTerminator) : halve(events);
    case Ending::kNoDone:
      return drop_from(Role::kDone);
    case Ending::kNoLastBlankLine:
      if (answer.stream) remove_last_blank_line(events);
      return;
    case Ending::kTruncate:
    case Ending::kProper:
      return;
  }
}

std::string with_crlf(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' && !out.ends_with('\r')) out += '\r';
    out += c;
  }
  return out;
}

void apply_shape(Answer& answer, const Fault& fault) {
  if (!answer.stream || !answer.content_type.starts_with("text/event-stream")) return;
  Events& events = answer.events;
  for (std::uint32_t i = 0; i < fault.comments; ++i)
    events.insert(events.begin(), {Role::kPreamble, ": keep-alive\n\n"});
  if (fault.crlf) {
    for (Event& event : events) event.bytes = with_crlf(event.bytes);
  }
  if (fault.byte_order_mark && !events.empty()) events.front().bytes.insert(0, "\xef\xbb\xbf");
}

// A compressed body is one piece: nothing in it can be told apart any more.
void compress(Answer& answer) {
  std::string all;
  for (const Event& event : answer.events) all += event.bytes;
  answer.events = {{Role::kContent, gzip_stored(all)}};
  answer.headers.emplace_back("content-encoding", "gzip");
}

std::vector<Piece> pieces_of(Answer& answer, const Fault& fault) {
  std::vector<Piece> pieces;
  // The parts of a body that is no stream keep the pace of events.
  const Duration within = answer.stream ? Duration{0} : fault.gap;
  for (Event& event : answer.events) {
    const Duration before = pieces.empty() ? fault.first_event_delay : fault.gap;
    if (fault.split == 0) {
      pieces.push_back({before, std::move(event.bytes)});
      continue;
    }
    for (std::size_t at = 0; at < event.bytes.size(); at += fault.split)
      pieces.push_back({at == 0 ? before : within, event.bytes.substr(at, fault.split)});
  }
  std::erase_if(pieces, [](const Piece& piece) { return piece.bytes.empty(); });
  return pieces;
}

std::uint64_t size_of(const Events& events) {
  std::uint64_t size = 0;
  for (const Event& event : events) size += event.bytes.size();
  return size;
}

// Keeps so many bytes of all pieces.
void keep_bytes(std::vector<Piece>& pieces, std::uint64_t bytes) {
  for (auto piece = pieces.begin(); piece != pieces.end(); ++piece) {
    if (bytes < piece->bytes.size()) {
      piece->bytes.resize(bytes);
      pieces.erase(bytes == 0 ? piece : piece + 1, pieces.end());
      return;
    }
    bytes -= piece->bytes.size();
  }
}

End end_of(Ending ending) noexcept {
  switch (ending) {
    case Ending::kBreak:
    case Ending::kTruncate:
      return End::kBreak;
    case Ending::kAbort:
      return End::kAbort;
    case Ending::kStall:
      return End::kStall;
    default:
      return End::kProper;
  }
}

}  // namespace

Plan make_plan(Answer answer, const Fault& fault, const std::string& error) {
  Plan plan;
  plan.status = answer.status;
  plan.end = end_of(fault.ending);
  apply_content(answer, fault);
  const std::uint64_t promised = size_of(answer.events);
  apply_ending(answer, fault, error);
  apply_shape(answer, fault);
  if (fault.gzip) compress(answer);
  plan.headers = std::move(answer.headers);
  if (!answer.content_type.empty())
    plan.headers.emplace(plan.headers.begin(), "content-type", answer.content_type);
  plan.headers.insert(plan.headers.end(), fault.headers.begin(), fault.headers.end());

  const bool broken = plan.end != End::kProper;
  const std::uint64_t size = size_of(answer.events);
  plan.pieces = pieces_of(answer, fault);
  if (fault.ending == Ending::kTruncate) {
    plan.length = size;
    keep_bytes(plan.pieces, static_cast<std::uint64_t>(static_cast<double>(size) * fault.share));
  } else if (!answer.stream) {
    plan.length = broken ? std::max(promised, size + 1) : size;
  }
  return plan;
}

}  // namespace outrigger::mock
