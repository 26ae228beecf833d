#include "filters/fallback/detour.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "filters/intake/request_facts.h"
#include "filters/json/json_set.h"
#include "filters/json/json_text.h"
#include "filters/retry/safety.h"
#include "proxy/base/percent.h"
#include "proxy/base/redact.h"

namespace outrigger::filters {
namespace {

using config::FallbackOn;

// A refusal of the proxy's own, by its reason.
std::optional<FallbackOn> trigger_of_refusal(std::string_view reason) noexcept {
  if (reason == "circuit_open") return FallbackOn::kBreakerOpen;
  if (reason == "quota_exhausted") return config::fallback_on(Verdict::kQuotaExhausted);
  if (reason == "credentials_exhausted") return config::fallback_on(Verdict::kAuth);
  if (reason == "invalid_response") return config::fallback_on(Verdict::kInvalidResponse);
  for (const std::string_view limit : {"cooling_down", "rate_limited", "concurrency_limited"}) {
    if (reason == limit) return FallbackOn::kLimited;
  }
  return std::nullopt;
}

// A segment of a path (RFC 3986 3.3): a colon may stand in it, and does in names of models.
std::string as_segment(std::string_view text) {
  std::string out;
  append_percent_encoded(out, text, ":@!$&'()*+,;=");
  return out;
}

std::string replaced(std::string_view text, std::string_view part, std::string_view put) {
  const auto at = static_cast<std::size_t>(part.data() - text.data());
  return fmt::format("{}{}{}", text.substr(0, at), put, text.substr(at + part.size()));
}

std::string filled_in(std::string_view path, std::string_view model) {
  constexpr std::string_view kMark = "{model}";
  const std::size_t at = path.find(kMark);
  if (at == std::string_view::npos) return std::string(path);
  return replaced(path, path.substr(at, kMark.size()), as_segment(model));
}

}  // namespace

bool takes(const config::Fallback& way, FallbackOn why) noexcept {
  return std::ranges::find(way.on, why) != way.on.end();
}

std::string_view model_for(const config::Fallback& way, std::string_view model) noexcept {
  const auto named = std::ranges::find(way.map_model, model, &config::TextPair::from);
  if (named != way.map_model.end()) return named->to;
  return way.model.empty() ? model : std::string_view(way.model);
}

std::optional<FallbackOn> trigger_of(const Exchange& exchange,
                                     const Result<http::Response>& outcome, std::size_t first) {
  if (exchange.scope->cancelled()) return std::nullopt;
  if (!outcome) {
    if (const auto refused = trigger_of_refusal(outcome.error().reason)) return refused;
    if (outcome.error().origin == Origin::kClient) return std::nullopt;
  }
  if (exchange.attempts.size() <= first || !exchange.attempts.back().judged) return std::nullopt;
  const Verdict verdict = exchange.attempts.back().verdict;
  if (verdict == Verdict::kOk || verdict == Verdict::kCancelled) return std::nullopt;
  return config::fallback_on(verdict);
}

bool may_send_after(std::span<const Attempt> attempts, config::Replay replay,
                    Again again) noexcept {
  const bool keyed = replay == config::Replay::kKeyed || replay == config::Replay::kVerify;
  if (keyed && again == Again::kOtherRequest) replay = config::Replay::kUnsent;
  return std::ranges::all_of(attempts, [&](const Attempt& attempt) {
    if (replay == config::Replay::kSafe) return true;
    // Refused for what it is: nothing was done. A good answer that a later check refused was.
    if (attempt.verdict != Verdict::kOk && is_final(attempt.verdict)) {
      return replay != config::Replay::kNever;
    }
    return may_repeat(attempt.phase, replay, attempt.verdict) == Repeat::kYes;
  });
}

Detour detour_of(const config::Fallback& way, std::string_view target, std::string_view model) {
  Detour detour;
  detour.model = model_for(way, model);
  const std::string_view stood = model_of_target(target);
  if (!way.path.empty()) {
    const std::size_t query = target.find('?');
    const bool own_query = way.path.contains('?') || query == std::string_view::npos;
    detour.target = filled_in(way.path, detour.model);
    if (!own_query) detour.target += target.substr(query);
  } else if (!stood.empty() && !detour.model.empty()) {
    detour.target = replaced(target, stood, as_segment(detour.model));
  } else {
    detour.target = target;
  }
  const bool in_target = !stood.empty() || way.path.contains("{model}");
  detour.model_in_body = !in_target && detour.model != model;
  return detour;
}

std::string without_credentials(std::string_view target) {
  const std::size_t mark = target.find('?');
  std::string kept(target.substr(0, mark));
  if (mark == std::string_view::npos) return kept;
  char before = '?';
  for (std::string_view rest = target.substr(mark + 1); !rest.empty();) {
    const std::string_view part = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    if (is_secret_query_key(part.substr(0, part.find('=')))) continue;
    kept.append(1, std::exchange(before, '&')).append(part);
  }
  return kept;
}

bool edits_body(const Detour& detour, const config::Fallback& way) noexcept {
  return detour.model_in_body || !way.set.empty();
}

std::optional<std::string> edited_body(std::string_view body, const Detour& detour,
                                       const config::Fallback& way) {
  std::optional<std::string> edited = std::string(body);
  if (detour.model_in_body) edited = json_set(*edited, "/model", json_quoted(detour.model));
  for (const config::JsonValue& value : way.set) {
    if (edited) edited = json_set(*edited, value.pointer, value.text);
  }
  return edited;
}

}  // namespace outrigger::filters
