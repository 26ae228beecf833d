#include "proxy/mock/fault.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "config/suggest.h"

namespace outrigger::mock {
namespace {

// Nothing: the value was taken; else what is wrong with it.
using Complaint = std::optional<std::string>;
using Take = Complaint (*)(Fault& fault, std::string_view value);

constexpr std::uint32_t kMostEvents = 10'000;
constexpr std::uint64_t kMostText = 64ULL << 20;
constexpr Duration kLongest = 1h;

Complaint not_a(std::string_view value, std::string_view what) {
  return fmt::format("\"{}\" is not {}", value, what);
}

Complaint take_duration(Duration& into, std::string_view value) {
  const auto read = config::parse_duration(value);
  if (!read) return not_a(value, "a duration; write a unit, for example 500ms");
  if (*read > kLongest) return not_a(value, "at most 1h");
  into = *read;
  return {};
}

Complaint take_count(std::uint32_t& into, std::string_view value, std::uint32_t most) {
  const auto read = config::parse_integer(value);
  if (!read || *read > most) return not_a(value, fmt::format("a number from 0 to {}", most));
  into = static_cast<std::uint32_t>(*read);
  return {};
}

Complaint take_place(Place& into, std::string_view value) {
  if (value == "start") {
    into.events = Place::kStart;
    return {};
  }
  if (take_count(into.events, value, kMostEvents))
    return not_a(value, "a number of events, or \"start\"");
  return {};
}

Complaint take_status(std::optional<int>& into, std::string_view value, int least, int most) {
  const auto read = config::parse_integer(value);
  if (!read || *read < static_cast<unsigned>(least) || *read > static_cast<unsigned>(most))
    return not_a(value, fmt::format("a status from {} to {}", least, most));
  into = static_cast<int>(*read);
  return {};
}

template <Ending kEnding>
Complaint end_at(Fault& fault, std::string_view value) {
  fault.ending = kEnding;
  return take_place(fault.place, value);
}

template <Ending kEnding>
Complaint end_so(Fault& fault, std::string_view) {
  fault.ending = kEnding;
  return {};
}

template <Wire kWire>
Complaint instead(Fault& fault, std::string_view) {
  fault.wire = kWire;
  return {};
}

template <Content kContent>
Complaint contain(Fault& fault, std::string_view) {
  fault.content = kContent;
  return {};
}

template <bool Fault::* kFlag>
Complaint set(Fault& fault, std::string_view) {
  fault.*kFlag = true;
  return {};
}

template <std::string Fault::* kText>
Complaint keep(Fault& fault, std::string_view value) {
  fault.*kText = value;
  return {};
}

template <Duration Fault::* kTime>
Complaint wait(Fault& fault, std::string_view value) {
  return take_duration(fault.*kTime, value);
}

Complaint take_hint(std::optional<Duration>& into, std::string_view value) {
  return take_duration(into.emplace(), value);
}

Complaint take_header(Fault& fault, std::string_view value) {
  const std::size_t colon = value.find(':');
  if (colon == 0 || colon == std::string_view::npos) return not_a(value, "NAME:VALUE");
  fault.headers.emplace_back(value.substr(0, colon), value.substr(colon + 1));
  return {};
}

Complaint take_trickle(Fault& fault, std::string_view value) {
  const auto rate = config::parse_rate(value);
  if (!rate || rate->events == 0) return not_a(value, "a rate, for example 2/s");
  fault.gap = rate->per / static_cast<std::int64_t>(rate->events);
  return {};
}

Complaint take_error_event(Fault& fault, std::string_view value) {
  fault.ending = Ending::kErrorEvent;
  const std::size_t at = value.rfind('@');
  if (at == std::string_view::npos) {
    fault.code = value;
    return {};
  }
  fault.code = value.substr(0, at);
  return take_place(fault.place, value.substr(at + 1));
}

Complaint take_truncate(Fault& fault, std::string_view value) {
  const auto share = config::parse_percent(value);
  if (!share || *share >= 1) return not_a(value, "a part of the body below 100%, for example 50%");
  fault.ending = Ending::kTruncate;
  fault.share = *share;
  return {};
}

Complaint take_size(Fault& fault, std::string_view value) {
  const auto size = config::parse_size(value);
  if (!size || static_cast<std::uint64_t>(*size) > kMostText)
    return not_a(value, "a size of at most 64MiB, for example 1MiB");
  fault.size = static_cast<std::uint64_t>(*size);
  return {};
}

Complaint take_rate(Fault& fault, std::string_view value) {
  fault.rate = config::parse_rate(value);
  if (!fault.rate || fault.rate->events == 0) return not_a(value, "a rate, for example 60/min");
  return {};
}

// What a failing request meets: a status, or a word that needs no value.
Complaint take_failure(Fault& fault, std::string_view value) {
  if (!take_status(fault.status, value, 200, 599)) return {};
  constexpr std::array<std::pair<std::string_view, Take>, 5> kWords = {
      {{"reset", instead<Wire::kReset>},
       {"close", instead<Wire::kClose>},
       {"hang", instead<Wire::kHang>},
       {"junk", instead<Wire::kJunk>},
       {"malformed", contain<Content::kMalformed>}}};
  for (const auto& [word, take] : kWords) {
    if (word == value) return take(fault, {});
  }
  return not_a(value, "a status, reset, close, hang, junk or malformed");
}

Complaint take_fail_first(Fault& fault, std::string_view value) {
  const std::size_t colon = value.find(':');
  if (colon == std::string_view::npos) return not_a(value, "COUNT:FAILURE, for example 2:503");
  if (auto wrong = take_count(fault.fail_first, value.substr(0, colon), kMostEvents)) return wrong;
  return take_failure(fault, value.substr(colon + 1));
}

Complaint take_fail(Fault& fault, std::string_view value) {
  const std::size_t colon = value.find(':');
  if (colon == std::string_view::npos) return not_a(value, "SHARE:FAILURE, for example 30%:500");
  fault.fail_share = config::parse_percent(value.substr(0, colon));
  if (!fault.fail_share) return not_a(value.substr(0, colon), "a percentage, for example 30%");
  return take_failure(fault, value.substr(colon + 1));
}

struct Word {
  std::string_view name;
  Take take;
  FaultWord shown;
  [[nodiscard]] bool wants_value() const noexcept {
    return shown.form.find('=') != std::string_view::npos;
  }
};

constexpr Word word(FaultWord shown, Take take) noexcept {
  return {shown.form.substr(0, shown.form.find('=')), take, shown};
}

constexpr std::array kWords = {
    word({"status=CODE", "an answer with that status, in the provider's shape for it"},
         [](Fault& f, std::string_view v) { return take_status(f.status, v, 200, 599); }),
    word({"code=WORD", "the error's code or type: insufficient_quota, overloaded_error"},
         keep<&Fault::code>),
    word({"message=TEXT", "the error's message"}, keep<&Fault::message>),
    word({"param=NAME", "the parameter that the error names"}, keep<&Fault::param>),
    word({"retry-after=VALUE", "the provider's hint, as it is: 2, 0.5, soon"},
         keep<&Fault::retry_after>),
    word({"retry-after-ms=TIME", "the hint in milliseconds"},
         [](Fault& f, std::string_view v) { return take_hint(f.retry_after_ms, v); }),
    word({"retry-after-date=TIME", "the hint as a date, that far ahead"},
         [](Fault& f, std::string_view v) { return take_hint(f.retry_after_date, v); }),
    word({"header=NAME:VALUE", "one more header field"}, take_header),
    word({"interim=CODE", "an interim answer first, 102 or 103"},
         [](Fault& f, std::string_view v) { return take_status(f.interim, v, 102, 199); }),
    word({"delay=TIME", "waits before the head"}, wait<&Fault::delay>),
    word({"first-event-delay=TIME", "waits behind the head"}, wait<&Fault::first_event_delay>),
    word({"gap=TIME", "waits between events"}, wait<&Fault::gap>),
    word({"trickle=RATE", "sends so many events: 2/s"}, take_trickle),
    word({"cut=N", "ends the message well after N events, too early"}, end_at<Ending::kCut>),
    word({"break=N", "closes inside the message after N events"}, end_at<Ending::kBreak>),
    word({"abort=N", "resets after N events"}, end_at<Ending::kAbort>),
    word({"stall=N", "falls silent after N events"}, end_at<Ending::kStall>),
    word({"error-event=WORD[@N]", "an error inside the stream, after N events"}, take_error_event),
    word({"truncate=SHARE", "promises a length and sends a share of it"}, take_truncate),
    word({"no-terminator", "lacks what says that the answer is complete"},
         end_so<Ending::kNoTerminator>),
    word({"no-done", "lacks data: [DONE] alone"}, end_so<Ending::kNoDone>),
    word({"no-last-blank-line", "lacks the blank line behind the last event"},
         end_so<Ending::kNoLastBlankLine>),
    word({"malformed", "broken JSON"}, contain<Content::kMalformed>),
    word({"html", "a page of HTML"}, contain<Content::kHtml>),
    word({"empty", "no body"}, contain<Content::kEmpty>),
    word({"gzip", "a compressed body"}, set<&Fault::gzip>),
    word({"text=TEXT", "what the model says, as {\"a\": 1,} for JSON that is none"},
         keep<&Fault::words>),
    word({"size=SIZE", "text of that size in the answer or the error"}, take_size),
    word({"events=N", "so many events with content in a stream"},
         [](Fault& f, std::string_view v) { return take_count(f.events, v, kMostEvents); }),
    word({"split=N", "writes of N bytes"},
         [](Fault& f, std::string_view v) { return take_count(f.split, v, kMostEvents); }),
    word({"comments=N", "keep-alive comments in front of the first event"},
         [](Fault& f, std::string_view v) { return take_count(f.comments, v, kMostEvents); }),
    word({"crlf", "an event stream with CR LF"}, set<&Fault::crlf>),
    word({"bom", "an event stream with a byte order mark"}, set<&Fault::byte_order_mark>),
    word({"reset", "resets instead of answering"}, instead<Wire::kReset>),
    word({"close", "closes instead of answering"}, instead<Wire::kClose>),
    word({"hang", "never answers"}, instead<Wire::kHang>),
    word({"junk", "answers with what is not HTTP"}, instead<Wire::kJunk>),
    word({"half-head", "closes inside the head"}, instead<Wire::kHalfHead>),
    word({"early", "answers before it has read the request's body"}, set<&Fault::early>),
    word({"rate=RATE", "a limit for each credential: 60/min"}, take_rate),
    word({"fail-first=N:FAILURE", "the first N requests of each key fail: 2:503, 1:reset"},
         take_fail_first),
    word({"fail=SHARE:FAILURE", "a share of the requests fails: 30%:500"}, take_fail),
};

constexpr auto kShown = [] {
  std::array<FaultWord, kWords.size()> shown;
  for (std::size_t i = 0; i < kWords.size(); ++i) shown[i] = kWords[i].shown;
  return shown;
}();

Complaint take_word(Fault& fault, std::string_view written) {
  const std::size_t equals = written.find('=');
  const std::string_view name = written.substr(0, equals);
  const auto* const found = std::ranges::find(kWords, name, &Word::name);
  if (found == kWords.end()) {
    std::vector<std::string_view> known;
    for (const Word& each : kWords) known.push_back(each.name);
    const std::string_view near = config::nearest(name, known);
    return fmt::format("there is no fault \"{}\"{}", name,
                       near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near));
  }
  const bool valued = equals != std::string_view::npos;
  if (found->wants_value() && (!valued || equals + 1 == written.size()))
    return fmt::format("\"{}\" needs a value: {}", name, found->shown.form);
  if (!found->wants_value() && valued) return fmt::format("\"{}\" takes no value", name);
  return found->take(fault, valued ? written.substr(equals + 1) : std::string_view{});
}

std::string_view trimmed(std::string_view text) noexcept {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::expected<Fault, FaultError> parse_fault(std::string_view text) {
  Fault fault;
  fault.text = trimmed(text);
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(';', begin), text.size());
    const std::string_view written = trimmed(text.substr(begin, end - begin));
    if (!written.empty()) {
      if (auto complaint = take_word(fault, written)) {
        const auto offset = static_cast<std::size_t>(written.data() - text.data());
        return std::unexpected(FaultError{offset, std::move(*complaint)});
      }
    }
    begin = end + 1;
  }
  return fault;
}

std::string to_string(const FaultError& error) {
  return fmt::format("at {}: {}", error.offset + 1, error.message);
}

Fault spared(const Fault& fault) {
  Fault left;
  left.text = "(spared) " + fault.text;
  left.delay = fault.delay;
  left.first_event_delay = fault.first_event_delay;
  left.gap = fault.gap;
  left.events = fault.events;
  return left;
}

std::span<const FaultWord> fault_words() noexcept {
  return kShown;
}

}  // namespace outrigger::mock
