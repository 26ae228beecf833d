// What a client may get: the bytes of one attempt's answer, unchanged, and behind them at most what
// the dialect asks for when a stream is lost or lacks its last blank line. Pure.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "tests/simulation/oracle.h"

namespace outrigger::simulation {

// Where an error event of our own begins; npos without one. What a scripted upstream says itself
// bears its tag.
inline std::size_t own_error_event(std::string_view got) {
  std::size_t at = got.rfind("event: error\ndata: {");
  if (at == std::string_view::npos) at = got.rfind("data: {\"error\"");
  if (at == std::string_view::npos) return at;
  const std::string_view event = got.substr(at);
  const bool own = event.ends_with("\n\n") && !event.contains('@');
  return own ? at : std::string_view::npos;
}

inline bool is_mend(std::string_view text) noexcept {
  return text.empty() || text == "\n" || text == "\n\n";
}

// Whether `got` is the beginning of `text`, or that and what ends its last event.
inline bool is_part(std::string_view got, std::string_view text) noexcept {
  const auto [end, at] = std::ranges::mismatch(got, text);
  const auto same = static_cast<std::size_t>(end - got.begin());
  // A mended event may have lost the beginning of the end that never came.
  return is_mend(got.substr(same));
}

// Bytes of more than one call, or of another than that whose head came.
inline bool is_mixed(const Visit& visit) {
  for (std::size_t at = 0; (at = visit.got.find('@', at)) != std::string::npos;) {
    const std::size_t end = visit.got.find('@', at + 1);
    const std::string_view rest = std::string_view(visit.got).substr(at);
    if (end == std::string::npos) return !visit.answer_of.starts_with(rest);
    if (!rest.starts_with(visit.answer_of)) return true;
    at = end + 1;
  }
  return false;
}

// Why this is not what the client of such a call may get; empty when it is.
inline std::string_view what_is_wrong(const Visit& visit, const Call& call) {
  const config::Policies& policies = *visit.policies;
  const Answer& answer = call.answer;
  const std::string_view got = visit.got;
  const bool clean = visit.end == End::kClean;
  const bool judged = answer.form == Form::kEvents && answer.status == 200 && has_dialect(policies);
  const std::size_t event = judged ? own_error_event(got) : std::string_view::npos;
  const bool has_event = event != std::string_view::npos;
  const std::string_view said = has_event ? got.substr(0, event) : got;

  if (is_mixed(visit)) return "bytes of several attempts";
  if (!judged && !std::string_view(answer.text).starts_with(got)) return "changed bytes";
  if (judged && !is_part(said, answer.text)) return "changed events";
  if (clean && is_lost(answer, policies)) return "a lost answer ends cleanly";
  if (clean && has_event) return "an error event, then a clean end";
  if (clean && said.size() < answer.text.size()) return "a clean end of half an answer";
  if (has_event && call.answer.has_error_event() && said.size() >= answer.text.size()) {
    return "told twice";
  }
  const bool over = said.contains("[DONE]") || said.contains("message_stop\"}") ||
                    said.contains("\"stop\"}") ||
                    (answer.has_error_event() && said.size() >= answer.text.size());
  const bool lost = visit.end == End::kCut && visit.code != Errc::kCancelled;
  if (judged && lost && !over && !has_event) return "a lost stream without an error event";
  return {};
}

}  // namespace outrigger::simulation
