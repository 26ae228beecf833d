#include "filters/rate_limit/limit_headers.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "filters/classify/hint_values.h"

namespace outrigger::filters {
namespace {

using http::equals_ignore_case;
using http::HeaderId;

// A provider has a few limits; whoever sends more of them is not believed.
constexpr std::size_t kMostLimits = 12;

enum class Part : std::uint8_t { kNone, kLimit, kRemaining, kReset, kInterval };

// What the name of one field says.
struct Name {
  Part part = Part::kNone;
  Counted counted = Counted::kRequests;
  bool plain = true;  // it does not say what is counted
  std::optional<Duration> period = {};
  bool milliseconds = false;
  std::uint32_t others = 0;  // a sum of its other words: tells limits of one provider apart
};

char lower(char byte) noexcept {
  return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte | 0x20) : byte;
}

std::uint32_t sum_of(std::string_view word) noexcept {
  std::uint32_t sum = 2166136261;  // FNV-1a
  for (const char byte : word) sum = (sum ^ static_cast<unsigned char>(lower(byte))) * 16777619;
  return sum;
}

struct PartWord {
  std::string_view word;
  Part part;
};
constexpr PartWord kParts[] = {{"limit", Part::kLimit},         {"max", Part::kLimit},
                               {"remaining", Part::kRemaining}, {"reset", Part::kReset},
                               {"interval", Part::kInterval},   {"window", Part::kInterval}};

struct PeriodWord {
  std::string_view word;
  Duration period;
};
constexpr PeriodWord kPeriods[] = {{"second", 1s}, {"secondly", 1s}, {"minute", 60s},
                                   {"min", 60s},   {"hour", 1h},     {"hourly", 1h},
                                   {"day", 24h},   {"daily", 24h}};

void read_word(std::string_view word, Name& name) noexcept {
  for (const PartWord& row : kParts) {
    if (equals_ignore_case(word, row.word)) {
      name.part = row.part;
      return;
    }
  }
  for (const PeriodWord& row : kPeriods) {
    if (equals_ignore_case(word, row.word)) {
      name.period = row.period;
      break;  // and it tells the limit apart
    }
  }
  const auto counts = [&](Counted counted) {
    name.counted = counted;
    name.plain = false;
  };
  if (equals_ignore_case(word, "ms") || equals_ignore_case(word, "milliseconds")) {
    name.milliseconds = true;
    return;
  }
  if (equals_ignore_case(word, "requests") || equals_ignore_case(word, "req")) {
    counts(Counted::kRequests);
  } else if (equals_ignore_case(word, "input")) {
    counts(Counted::kInputTokens);
  } else if (equals_ignore_case(word, "output")) {
    counts(Counted::kOutputTokens);
  } else if (equals_ignore_case(word, "tokens") && name.plain) {
    counts(Counted::kTokens);
  } else {
    // Words that a provider appends to one field of a limit alone are rare: the limit is then read
    // in two halves, of which each says less.
    name.others += sum_of(word);
  }
}

// Where the words about the limit stand: without "x-ratelimit-" and the like.
std::optional<std::pair<std::string_view, std::string_view>> around_ratelimit(
    std::string_view name) noexcept {
  for (const std::string_view middle :
       {std::string_view("ratelimit"), std::string_view("rate-limit")}) {
    const auto found =
        std::ranges::search(name, middle, [](char byte, char of) { return lower(byte) == of; });
    if (found.empty()) continue;
    return std::pair(std::string_view(name.begin(), found.begin()),
                     std::string_view(found.end(), name.end()));
  }
  return std::nullopt;
}

// Nearly every field of an answer ends here.
bool may_be_limit(std::string_view name) noexcept {
  if (name.size() < 9) return false;
  const char first = lower(name.front());
  return first == 'x' || first == 'a' || first == 'r' || first == 'l';
}

Name name_of(std::string_view prefix, std::string_view words) noexcept {
  Name name;
  name.others = sum_of(prefix);
  while (!words.empty()) {
    const std::size_t end = std::min(words.find_first_of("-_"), words.size());
    if (end != 0) read_word(words.substr(0, end), name);
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  // x-hubspot-ratelimit-secondly is the limit of a second.
  if (name.part == Part::kNone && name.period) name.part = Part::kLimit;
  return name;
}

// "60", "1000, 1000;window=60"; nothing when it is negative (Azure: not known) or no number ("nan"
// and "inf" are some to from_chars).
std::optional<double> amount(std::string_view text) noexcept {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  const bool whole = end == text.data() + text.size() || *end == ',' || *end == ';' || *end == ' ';
  if (error != std::errc{} || !whole || number > 1e15) return std::nullopt;
  return number;
}

// One limit, as its fields come in.
struct Found {
  Name name;
  Quota quota;
};

class Limits {
 public:
  Quota* of(const Name& name) noexcept {
    for (std::size_t i = 0; i < count_; ++i) {
      const Name& known = found_[i].name;
      if (known.counted == name.counted && known.others == name.others &&
          known.period == name.period) {
        return &found_[i].quota;
      }
    }
    if (count_ == found_.size()) return nullptr;
    found_[count_] = {name, {}};
    found_[count_].quota.period = name.period;
    found_[count_].quota.window = name.plain;
    return &found_[count_++].quota;
  }

  [[nodiscard]] LimitNews news() const noexcept {
    LimitNews news;
    for (std::size_t i = 0; i < count_; ++i) {
      const Quota& quota = found_[i].quota;
      Quota& best = news.quotas[static_cast<std::size_t>(found_[i].name.counted)];
      if (!quota.known() || (best.known() && left_of(best) <= left_of(quota))) continue;
      best = quota;
      news.any = true;
    }
    return news;
  }

 private:
  // Which part of it is left.
  static double left_of(const Quota& quota) noexcept {
    if (!quota.remaining) return 1;
    return *quota.remaining / std::max(quota.limit.value_or(*quota.remaining), 1.0);
  }
  std::array<Found, kMostLimits> found_;
  std::size_t count_ = 0;
};

void read_reset(std::string_view value, const Name& name, double now, Quota& quota) {
  quota.reset = name.milliseconds ? hint_of_milliseconds(value) : hint_of_reset(value, now);
  if (!quota.reset) return;
  const bool go = value.find_first_of("smhSMH") != std::string_view::npos;  // "6m0s", not a date
  quota.precise = name.milliseconds || (go && !value.contains('-')) || value.contains('.');
}

void read_field(const Name& name, std::string_view value, double now, Quota& quota) {
  switch (name.part) {
    case Part::kLimit:
      quota.limit = amount(value);
      break;
    case Part::kRemaining:
      quota.remaining = amount(value);
      break;
    case Part::kReset:
      read_reset(value, name, now, quota);
      break;
    case Part::kInterval:
      quota.period = name.milliseconds ? hint_of_milliseconds(value) : hint_of_seconds(value);
      quota.window = false;  // it slides
      break;
    case Part::kNone:
      break;
  }
}

// `"default";r=50;t=30` and `"default";q=100;w=60` (the newer drafts); of several policies the
// first.
void read_structured(std::string_view value, Quota& quota) {
  value = value.substr(0, value.find(','));
  while (!value.empty()) {
    const std::size_t end = std::min(value.find(';'), value.size());
    std::string_view item = value.substr(0, end);
    value.remove_prefix(std::min(end + 1, value.size()));
    item.remove_prefix(std::min(item.find_first_not_of(' '), item.size()));
    if (item.starts_with("r=")) quota.remaining = amount(item.substr(2));
    if (item.starts_with("q=")) quota.limit = amount(item.substr(2));
    if (item.starts_with("t=")) quota.reset = hint_of_seconds(item.substr(2));
    if (item.starts_with("w=")) quota.period = hint_of_seconds(item.substr(2));
  }
}

}  // namespace

LimitNews read_limits(const http::Headers& headers, double now) {
  std::optional<Limits> limits;
  double then = now;
  for (const http::Field& field : headers) {
    if (field.id != HeaderId::kOther || !may_be_limit(field.name)) continue;
    const auto around = around_ratelimit(field.name);
    if (!around) continue;
    if (!limits) {
      limits.emplace();
      then = parse_http_date(headers.get(HeaderId::kDate)).value_or(now);
    }
    const auto& [prefix, words] = *around;
    const bool structured = words.empty() || equals_ignore_case(words, "-policy");
    Quota* quota = limits->of(name_of(prefix, structured ? std::string_view{} : words));
    if (quota == nullptr) continue;
    if (structured) {
      read_structured(field.value, *quota);
    } else {
      read_field(name_of(prefix, words), field.value, then, *quota);
    }
  }
  return limits ? limits->news() : LimitNews{};
}

}  // namespace outrigger::filters
