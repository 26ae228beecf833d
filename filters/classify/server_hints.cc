#include "filters/classify/server_hints.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "filters/classify/hint_values.h"

namespace outrigger::filters {
namespace {

using http::HeaderId;
using namespace std::string_view_literals;

void take_longer(std::optional<Hint>& longest, std::optional<Duration> wait,
                 std::string_view from) noexcept {
  if (wait && (!longest || *wait > longest->wait)) longest = Hint{*wait, from};
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char byte) {
    return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte | 0x20) : byte;
  });
  return lower;
}

// ---- Retry-After and its kin ----

// `retry-after-ms` says the same as a `retry-after` beside it, which is rounded to seconds.
std::optional<Hint> reconciled(const std::optional<Hint>& precise,
                               const std::optional<Hint>& rounded) noexcept {
  if (!precise) return rounded;
  if (!rounded) return precise;
  const bool agree = rounded->wait < precise->wait + 1s;
  return agree ? precise : rounded;
}

std::optional<Hint> retry_after(const http::Headers& headers, double now) {
  std::optional<Hint> precise, rounded;
  for (const http::Field& field : headers) {
    if (field.id == HeaderId::kRetryAfter) {
      take_longer(rounded, hint_of_retry_after(field.value, now), "retry-after");
      continue;
    }
    if (field.id != HeaderId::kOther || !contains_ignore_case(field.name, "retry")) continue;
    const std::string name = lower_case(field.name);
    if (name == "grpc-retry-pushback-ms") {
      take_longer(precise, hint_of_milliseconds(field.value), "grpc-retry-pushback-ms");
    } else if (name.ends_with("retry-after-ms")) {
      take_longer(precise, hint_of_milliseconds(field.value), "retry-after-ms");
    } else if (name.ends_with("retry-after")) {
      take_longer(rounded, hint_of_retry_after(field.value, now), "retry-after");
    }
  }
  return reconciled(precise, rounded);
}

// ---- resets ----

// "0;w=60" is 0. Negative: not known (Azure answers -1).
std::optional<double> remaining_of(std::string_view value) noexcept {
  double number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc{}) return std::nullopt;
  return number;
}

// The longest reset of the dimensions that are exhausted, and of those that do not say.
struct Resets {
  std::optional<Hint> exhausted, silent;

  void add(std::optional<double> remaining, std::optional<Duration> reset, std::string_view from) {
    if (!remaining) return take_longer(silent, reset, from);
    if (*remaining == 0) take_longer(exhausted, reset, from);
  }
};

// x-ratelimit-reset-tokens has x-ratelimit-remaining-tokens, anthropic-ratelimit-tokens-reset has
// anthropic-ratelimit-tokens-remaining, and so on.
void add_pair(Resets& resets, const http::Headers& headers, std::string_view value,
              const std::string& name, double now) {
  std::string sibling = name;
  sibling.replace(name.find("reset"), "reset"sv.size(), "remaining");
  const http::Field* beside = headers.find(sibling);
  const auto remaining = beside == nullptr ? std::nullopt : remaining_of(beside->value);
  const auto reset =
      name.ends_with("-ms") ? hint_of_milliseconds(value) : hint_of_reset(value, now);
  resets.add(remaining, reset, "a rate limit's reset");
}

// Calls `f(part)` for each part between the separators, without blanks before it.
template <class F>
void for_parts(std::string_view text, std::string_view separators, F f) {
  while (!text.empty()) {
    std::string_view part = text.substr(0, text.find_first_of(separators));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    part.remove_prefix(std::min(part.find_first_not_of(' '), part.size()));
    f(part);
  }
}

// `"default";r=0;t=30` or `limit=100, remaining=0, reset=30`.
void add_policy(Resets& resets, std::string_view item, std::string_view separators) {
  std::optional<double> remaining;
  std::optional<Duration> reset;
  for_parts(item, separators, [&](std::string_view part) {
    const std::size_t equals = std::min(part.find('='), part.size());
    const std::string_view key = part.substr(0, equals);
    const std::string_view text = part.substr(std::min(equals + 1, part.size()));
    if (key == "r" || key == "remaining") remaining = remaining_of(text);
    if (key == "t" || key == "reset") reset = hint_of_seconds(text);
  });
  resets.add(remaining, reset, "ratelimit");
}

// The drafts of the IETF: the newer ones list policies, the older ones know one.
void add_structured(Resets& resets, std::string_view value) {
  if (value.contains("reset=")) return add_policy(resets, value, ",;");
  for_parts(value, ",", [&](std::string_view item) { add_policy(resets, item, ";"); });
}

std::optional<Hint> reset_of(const http::Headers& headers, double now) {
  Resets resets;
  for (const http::Field& field : headers) {
    if (field.id != HeaderId::kOther) continue;
    const std::string name = lower_case(field.name);
    const bool limit = name.contains("ratelimit") || name.contains("rate-limit");
    if (!limit) continue;
    if (name == "ratelimit") {
      add_structured(resets, field.value);
    } else if (name.contains("reset")) {
      add_pair(resets, headers, field.value, name, now);
    }
  }
  return resets.exhausted ? resets.exhausted : resets.silent;
}

// ---- the body ----

enum class Form { kSeconds, kMilliseconds, kReset };
struct BodyHint {
  std::string_view pointer;
  Form form;
};
constexpr std::array kBodyHints = {
    BodyHint{"/retry_after_ms", Form::kMilliseconds},
    BodyHint{"/error/retry_after_ms", Form::kMilliseconds},
    BodyHint{"/retry_after", Form::kSeconds},
    BodyHint{"/retryAfter", Form::kSeconds},
    BodyHint{"/retry_after_seconds", Form::kSeconds},
    BodyHint{"/error/retry_after", Form::kSeconds},
    BodyHint{"/error/retry_after_seconds", Form::kSeconds},
    BodyHint{"/error/metadata/retry_after_seconds", Form::kSeconds},
    BodyHint{"/resets_in_seconds", Form::kSeconds},
    BodyHint{"/error/resets_in_seconds", Form::kSeconds},
    BodyHint{"/error/details/*/retryDelay", Form::kSeconds},              // google.rpc.RetryInfo
    BodyHint{"/error/metadata/headers/X-RateLimit-Reset", Form::kReset},  // OpenRouter
    BodyHint{"/error/resets_at", Form::kReset},
};

std::optional<Hint> body_hint(const JsonAnswer& body, double now) {
  std::optional<Hint> longest;
  if (body.empty()) return longest;
  for (const BodyHint& row : kBodyHints) {
    for (const JsonValue& value : body.find(row.pointer)) {
      switch (row.form) {
        case Form::kSeconds:
          take_longer(longest, hint_of_retry_after(value.text, now), "the body");
          break;
        case Form::kMilliseconds:
          take_longer(longest, hint_of_milliseconds(value.text), "the body");
          break;
        case Form::kReset:
          take_longer(longest, hint_of_reset(value.text, now), "the body");
          break;
      }
    }
  }
  return longest;
}

// ---- whether to come back ----

// x-should-retry and stripe-should-retry; a push-back that is no time forbids (gRPC A6). A "no"
// stands above a "yes".
std::optional<bool> retry_word(const http::Headers& headers) {
  std::optional<bool> word;
  for (const std::string_view name : {"x-should-retry"sv, "stripe-should-retry"sv}) {
    const http::Field* field = headers.find(name);
    if (field == nullptr) continue;
    if (http::equals_ignore_case(field->value, "false")) return false;
    if (http::equals_ignore_case(field->value, "true")) word = true;
  }
  const http::Field* pushback = headers.find("grpc-retry-pushback-ms");
  if (pushback != nullptr && !hint_of_milliseconds(pushback->value)) return false;
  return word;
}

// The server's own time, so that a wrong clock here does not shift what it says.
double server_time(const http::Headers& headers, double now) {
  return parse_http_date(headers.get(HeaderId::kDate)).value_or(now);
}

}  // namespace

ServerHints read_hints(const http::Headers& headers, const JsonAnswer& body,
                       std::string_view message, double now) {
  const double then = server_time(headers, now);
  ServerHints hints;
  hints.asked = retry_after(headers, then);
  if (const std::optional<Hint> said = body_hint(body, then)) {
    take_longer(hints.asked, said->wait, said->from);
  }
  if (!hints.asked) {
    if (const auto prose = hint_of_prose(message, then)) hints.asked = Hint{*prose, "the message"};
  }
  hints.reset = reset_of(headers, then);
  hints.retry = retry_word(headers);
  return hints;
}

}  // namespace outrigger::filters
