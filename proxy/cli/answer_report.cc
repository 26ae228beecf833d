#include "proxy/cli/answer_report.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "config/units.h"
#include "filters/classify/answer_check.h"
#include "filters/classify/answer_kind.h"
#include "filters/classify/error_body.h"
#include "filters/retry/safety.h"
#include "proxy/base/json_writer.h"

namespace outrigger::cli {
namespace {

constexpr std::array<std::string_view, 4> kScopes = {"default", "model", "credential", "endpoint"};

std::string_view name_of(config::Scope scope) noexcept {
  return kScopes[static_cast<std::size_t>(scope)];
}

// Why no request at all is repeated; empty when some are.
std::string refusal(const config::Policies& policies, const filters::Judgement& judgement) {
  if (judgement.verdict == Verdict::kOk) return "nothing failed";
  const auto& retry = policies.retry;
  if (!retry || retry->max_attempts <= 1) return "this policy never retries";
  if (!judgement.upstream_says_retry.value_or(true)) return "the upstream says not to";
  if (!retry->on_verdicts.contains(judgement.verdict)) {
    return fmt::format("{} is not in retry.if", to_string(judgement.verdict));
  }
  if (retry->hints.honour && judgement.hint && *judgement.hint > retry->hints.max_wait) {
    return fmt::format("the wait is longer than retry.hints.max_wait ({}): the answer is passed on",
                       config::print_duration(retry->hints.max_wait));
  }
  return {};
}

// What the safety table says of an answer (P4), in words.
Repeat repeat_of(std::string_view methods, config::Replay replay, Verdict verdict) {
  switch (filters::may_repeat(Phase::kAnswered, replay, verdict)) {
    case filters::Repeat::kAfterProbe:
      return {methods, true, "replay is verify: once it is known not to have happened"};
    case filters::Repeat::kYes:
      if (replay == config::Replay::kSafe) return {methods, true, "replay is safe"};
      if (replay == config::Replay::kKeyed) {
        return {methods, true, "replay is keyed: with the same idempotency key"};
      }
      return {methods, true,
              fmt::format("replay is {}, and the upstream did not execute it",
                          replay == config::Replay::kVerify ? "verify" : "unsent")};
    case filters::Repeat::kNo:
      break;
  }
  if (replay == config::Replay::kNever) return {methods, false, "replay is never"};
  if (filters::is_final(verdict)) return {methods, false, "the same request would fail again"};
  return {methods, false, "replay is unsent, and the upstream may have executed it"};
}

// JsonWriter wants a place even of an empty text.
std::string_view placed(std::string_view text) noexcept {
  return text.empty() ? std::string_view("") : text;
}

std::string in_rule(const AnswerReport& report) {
  if (report.judgement.rule < 0) return fmt::format("built in: {}", report.judgement.because);
  return fmt::format("{} of {}, {}", report.judgement.rule + 1, report.rules, report.rule_at);
}

// Text of a foreign service, on a terminal.
std::string printable(std::string_view text) {
  std::string clean(text);
  std::ranges::replace_if(clean, [](unsigned char c) { return c < ' ' || c == 0x7F; }, ' ');
  return clean;
}

// What the proxy would find wrong with a success, as the answer to a POST. A body that was pasted
// without its head is the JSON that it looks like; one with a content coding was decoded by now.
std::string_view defect_of(const config::Policies& policies, const PastedAnswer& answer) {
  http::RequestHead request;
  request.method = http::Method::kPost;
  http::Response response;
  response.head.status = answer.status;
  const std::string_view written = answer.headers.get(http::HeaderId::kContentType);
  const bool looks_it = answer.body.starts_with('{') || answer.body.starts_with('[');
  response.head.headers.add("Content-Type",
                            written.empty() && looks_it ? "application/json" : written);
  switch (filters::answer_kind(request, response, policies, false)) {
    case filters::AnswerKind::kWhole:
      return filters::find_defect(response.head.headers, answer.body);
    case filters::AnswerKind::kWrongType:
      return "wrong_content_type";
    default:
      return {};
  }
}

}  // namespace

filters::Judgement judge_pasted(const config::Policies& policies, const PastedAnswer& answer,
                                double wall_seconds) {
  filters::Evidence evidence;
  evidence.status = answer.status;
  evidence.headers = &answer.headers;
  evidence.body = std::string_view(answer.body).substr(0, filters::kErrorBodyBytes);
  evidence.body_complete = evidence.body.size() == answer.body.size();
  evidence.in_stream = answer.in_stream;
  evidence.event_type = answer.event_type;
  const filters::Classifier classifier(policies);
  if (!answer.in_stream && !classifier.wants_body(answer.status, answer.headers)) {
    evidence.body = {};
  }
  filters::Judgement judgement = classifier.judge(evidence, wall_seconds);
  if (judgement.verdict != Verdict::kOk || answer.in_stream) return judgement;
  evidence.defect = defect_of(policies, answer);
  return evidence.defect.empty() ? judgement : classifier.judge(evidence, wall_seconds);
}

std::vector<Repeat> repeats_after(const config::Policies& policies,
                                  const filters::Judgement& judgement) {
  std::string no = refusal(policies, judgement);
  if (!no.empty()) return {{{}, false, std::move(no)}};
  if (policies.replay) return {repeat_of({}, *policies.replay, judgement.verdict)};
  return {repeat_of("GET, HEAD, OPTIONS, PUT, DELETE", config::Replay::kSafe, judgement.verdict),
          repeat_of("POST, PATCH", config::Replay::kUnsent, judgement.verdict)};
}

std::string print_text(const AnswerReport& report) {
  const filters::Judgement& judgement = report.judgement;
  std::string text;
  const auto line = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) text += fmt::format("{:<9}{}\n", name, value);
  };
  line("verdict", to_string(judgement.verdict));
  line("rule", in_rule(report));
  line("answer", report.answer.in_stream ? std::string("an error event in a stream")
                                         : fmt::format("status {}", report.answer.status));
  line("error", printable(judgement.error));
  if (judgement.message != judgement.error) line("message", printable(judgement.message));
  if (judgement.hint) {
    line("wait",
         fmt::format("{} ({})", config::print_duration(*judgement.hint), judgement.hint_from));
  }
  if (judgement.scope != config::Scope::kDefault) line("scope", name_of(judgement.scope));
  for (const Repeat& repeat : report.repeats) {
    line("repeat", fmt::format("{}{}{}: {}", repeat.methods, repeat.methods.empty() ? "" : ": ",
                               repeat.again ? "yes" : "no", repeat.why));
  }
  return text;
}

std::string print_json(const AnswerReport& report) {
  const filters::Judgement& judgement = report.judgement;
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.member("verdict", to_string(judgement.verdict));
  json.key("rule");
  if (judgement.rule < 0) {
    json.null();
  } else {
    json.begin_object();
    json.member("index", judgement.rule);
    json.member("at", std::string_view(report.rule_at));
    json.end_object();
  }
  json.member("because", placed(judgement.because));
  json.member("status", report.answer.status);
  json.member("in_stream", report.answer.in_stream);
  json.member("error", std::string_view(judgement.error));
  json.member("message", std::string_view(judgement.message));
  json.key("wait_ms");
  if (judgement.hint) {
    json.value(*judgement.hint);
  } else {
    json.null();
  }
  json.member("wait_from", placed(judgement.hint_from));
  json.member("scope", name_of(judgement.scope));
  json.key("upstream_says_retry");
  if (judgement.upstream_says_retry) {
    json.value(*judgement.upstream_says_retry);
  } else {
    json.null();
  }
  json.key("repeat");
  json.begin_array();
  for (const Repeat& repeat : report.repeats) {
    json.begin_object();
    json.member("methods", repeat.methods.empty() ? std::string_view("all") : repeat.methods);
    json.member("again", repeat.again);
    json.member("why", std::string_view(repeat.why));
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return text + "\n";
}

}  // namespace outrigger::cli
