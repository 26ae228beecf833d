#include "filters/classify/classifier.h"

#include <algorithm>

#include "filters/classify/built_in_rules.h"
#include "filters/classify/facts.h"
#include "filters/classify/next_reset.h"
#include "filters/classify/server_hints.h"
#include "proxy/http/status.h"

namespace outrigger::filters {
namespace {

constexpr std::size_t kMessageBytes = 200;

// A whole answer by its status, though its body may be lost; not a 2xx that broke.
bool has_spoken(const Evidence& evidence) noexcept {
  return evidence.status >= 400 || (evidence.failure == nullptr && evidence.defect.empty());
}

BuiltIn judge_event(const Facts& facts) {
  for (const std::string& error : facts.errors()) {
    if (const auto known = judge_word(error)) return *known;
  }
  if (facts.status() != 0) return judge_status(facts.status());
  return {Verdict::kTransient, "an error event in the answer"};
}

BuiltIn judge_built_in(const Evidence& evidence, const Facts& facts) {
  if (evidence.in_stream) return judge_event(facts);
  if (!has_spoken(evidence)) {
    return evidence.failure != nullptr ? judge_failure(*evidence.failure)
                                       : judge_defect(evidence.defect);
  }
  if (http::is_success(evidence.status) && evidence.headers != nullptr) {
    if (const auto grpc = judge_grpc(grpc_status(*evidence.headers))) return *grpc;
  }
  return judge_status(evidence.status);
}

// A JSON document, not a stream of them.
bool is_json(std::string_view content_type) noexcept {
  const std::string_view type = content_type.substr(0, content_type.find(';'));
  return contains_ignore_case(type, "json") && !contains_ignore_case(type, "ndjson") &&
         !contains_ignore_case(type, "jsonl") && !contains_ignore_case(type, "json-seq") &&
         !contains_ignore_case(type, "stream");
}

// Cut between two characters.
std::string_view shortened(std::string_view text) noexcept {
  if (text.size() <= kMessageBytes) return text;
  std::size_t end = kMessageBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

// Resets of rate limits explain these only: an answer may tell of a full bucket beside any error.
bool is_limit(Verdict verdict) noexcept {
  return verdict == Verdict::kThrottled || verdict == Verdict::kQuotaExhausted ||
         verdict == Verdict::kOverloaded;
}

// The headers of an event belong to the 200 before it, and say nothing of its error.
ServerHints hints_of(const Evidence& evidence, const Facts& facts, double wall_seconds) {
  const http::Headers none;
  const bool heads = evidence.headers != nullptr && !evidence.in_stream && has_spoken(evidence);
  return read_hints(heads ? *evidence.headers : none, facts.body(), facts.message(), wall_seconds);
}

void offer(Judgement& judgement, std::optional<Duration> wait, std::string_view from) {
  if (!wait || (judgement.hint && *judgement.hint >= *wait)) return;
  judgement.hint = wait;
  judgement.hint_from = from;
}

void add_hint(Judgement& judgement, const config::ClassifyRule* rule, const ServerHints& hints,
              double wall_seconds) {
  if (hints.asked) {
    offer(judgement, hints.asked->wait, hints.asked->from);
  } else if (hints.reset && is_limit(judgement.verdict)) {
    offer(judgement, hints.reset->wait, hints.reset->from);
  }
  if (rule == nullptr) return;
  offer(judgement, rule->wait, "the rule's wait");
  offer(judgement, time_until(rule->until, wall_seconds), "the rule's until");
}

void heed_server(Judgement& judgement, std::optional<bool> says_retry) {
  judgement.upstream_says_retry = says_retry;
  if (!says_retry.value_or(false) || judgement.verdict != Verdict::kClientError) return;
  judgement.verdict = Verdict::kTransient;
  judgement.rule = -1;
  judgement.because = "the upstream says that it should be repeated";
}

}  // namespace

Classifier::Classifier(const config::Policies& policies) : policies_(policies) {
  for (const config::ClassifyRule& rule : policies.classify) {
    doubts_success_ |= std::ranges::any_of(
        rule.status, [](config::StatusRange range) { return range.first < 400; });
  }
}

Judgement Classifier::judge(const Evidence& evidence, double wall_seconds) const {
  Judgement judgement;
  if (evidence.failure != nullptr && nobody_waits(*evidence.failure)) {
    judgement.verdict = Verdict::kCancelled;
    judgement.because = judge_failure(*evidence.failure).because;
    return judgement;
  }
  const Facts facts(policies_, evidence);
  const auto& rules = policies_.classify;
  const auto found = std::ranges::find_if(
      rules, [&](const config::ClassifyRule& rule) { return facts.fit(rule); });
  const config::ClassifyRule* rule = found == rules.end() ? nullptr : &*found;
  if (rule != nullptr) {
    judgement.verdict = rule->verdict;
    judgement.rule = static_cast<int>(found - rules.begin());
    judgement.scope = rule->scope;
  } else {
    const BuiltIn built_in = judge_built_in(evidence, facts);
    judgement.verdict = built_in.verdict;
    judgement.because = built_in.because;
  }
  if (judgement.verdict == Verdict::kOk) return judgement;
  const ServerHints hints = hints_of(evidence, facts, wall_seconds);
  heed_server(judgement, hints.retry);
  judgement.error = facts.error_for(rule);
  judgement.message = shortened(facts.message());
  add_hint(judgement, rule, hints, wall_seconds);
  return judgement;
}

bool Classifier::wants_body(int status, const http::Headers& headers) const {
  if (status >= 400) return true;
  if (const std::string_view grpc = grpc_status(headers); !grpc.empty() && grpc != "0") return true;
  if (!doubts_success_) return false;
  const bool json = is_json(headers.get(http::HeaderId::kContentType));
  return std::ranges::any_of(policies_.classify, [&](const config::ClassifyRule& rule) {
    const auto contains = [&](config::StatusRange range) { return range.contains(status); };
    const bool reads_body = !rule.error.empty() || !rule.message.empty() || !rule.json.empty();
    return std::ranges::any_of(rule.status, contains) && rule.failure.empty() &&
           !rule.in_stream.value_or(false) && (json || !reads_body) && headers_fit(rule, headers);
  });
}

}  // namespace outrigger::filters
