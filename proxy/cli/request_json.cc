#include <chrono>

#include "config/words.h"
#include "proxy/base/json_writer.h"
#include "proxy/base/redact.h"
#include "proxy/cli/request_report.h"

namespace outrigger::cli {
namespace {

using filters::PhasePlan;
using filters::RequestPlan;
using filters::VerdictPlan;

void write_request(JsonWriter& json, const AskedRequest& asked) {
  json.key("request");
  json.begin_object();
  json.member("method", std::string_view(asked.words.method));
  json.member("url", std::string_view(redacted_target(asked.words.url)));
  json.end_object();
}

void null_or(JsonWriter& json, std::string_view name, std::string_view text) {
  json.key(name);
  if (text.empty()) {
    json.null();
  } else {
    json.value(text);
  }
}

void write_route(JsonWriter& json, const RequestPlan& plan) {
  const upstream::Routed& routed = plan.routed;
  json.key("route");
  json.begin_object();
  null_or(json, "upstream", routed.upstream != nullptr ? routed.upstream->name : "");
  null_or(json, "route", routed.route != nullptr ? routed.route->name : "");
  json.member("mode", upstream::to_string(routed.way));
  json.member("because", std::string_view(plan.route_because));
  json.end_object();
  json.key("sent");
  json.begin_object();
  null_or(json, "target", redacted_target(routed.target));
  json.key("endpoints");
  json.begin_array();
  for (const std::string& endpoint : destinations_of(plan)) json.value(endpoint);
  json.end_array();
  json.end_object();
}

void write_facts(JsonWriter& json, const RequestReport& report) {
  const RequestPlan& plan = report.plan;
  json.key("model");
  json.begin_object();
  json.member("asked", plan.model_asked);
  null_or(json, "name", plan.model);
  null_or(json, "from", plan.model_from);
  json.end_object();
  null_or(json, "credential", plan.credential);
  json.key("replay");
  json.begin_object();
  json.member("class", config::to_string(plan.replay));
  json.member("because", std::string_view(plan.replay_because));
  constexpr std::string_view kKeys[] = {"none", "sent", "added", "would_be_added"};
  json.member("idempotency_key", kKeys[static_cast<std::size_t>(plan.idempotency_key)]);
  json.member("once", plan.once);
  json.member("cache", plan.cache);
  json.member("body_replayable", plan.body_replayable);
  json.end_object();
  json.key("deadline");
  if (plan.deadline) {
    json.begin_object();
    json.member("ms", *plan.deadline);
    json.member("from", std::string_view(plan.deadline_from));
    json.end_object();
  } else {
    json.null();
  }
  json.member("dialect", config::to_string(plan.routed.policies->dialect));
  json.member("refused", std::string_view(plan.too_large ? "request_too_large" : ""));
  json.key("filters");
  json.begin_array();
  for (const std::string& name : plan.filters) json.value(name);
  json.end_array();
  json.key("shadow");
  json.begin_array();
  for (const config::Shadowed policy : plan.routed.policies->shadow) {
    json.value(config::to_string(policy));
  }
  json.end_array();
}

void write_values(JsonWriter& json, const std::vector<config::PolicyValue>& values) {
  json.key("policies");
  json.begin_array();
  for (const config::PolicyValue& value : values) {
    json.begin_object();
    json.member("policy", std::string_view(value.policy));
    json.member("key", std::string_view(value.key));
    json.member("value", std::string_view(value.value));
    json.member("origin", std::string_view(value.origin));
    json.member("written", value.written);
    json.end_object();
  }
  json.end_array();
}

void write_phases(JsonWriter& json, const VerdictPlan& plan) {
  json.key("phases");
  json.begin_object();
  for (std::size_t i = 0; i < filters::kPhases; ++i) {
    const PhasePlan& phase = plan.phases[i];
    json.key(to_string(static_cast<Phase>(i)));
    json.begin_object();
    json.member("again", phase.decision.again);
    json.member("probe_first", phase.decision.probe_first);
    json.member("stop",
                phase.decision.reason().empty() ? std::string_view("") : phase.decision.reason());
    json.member("connection", name_of(phase.connection));
    json.member("call", name_of(phase.call));
    json.end_object();
  }
  json.end_object();
}

void write_cooldown(JsonWriter& json, const VerdictPlan& plan) {
  json.key("cooldown");
  if (!plan.cooldown) return json.null();
  json.begin_object();
  json.member("upstream", std::string_view(plan.cooldown->upstream));
  null_or(json, "model", plan.cooldown->model);
  json.key("unhinted_ms");
  if (plan.unhinted) {
    json.value(*plan.unhinted);
  } else {
    json.null();
  }
  json.end_object();
}

void write_fallbacks(JsonWriter& json, const RequestPlan& request, const VerdictPlan& plan) {
  json.key("fallback");
  json.begin_array();
  for (const filters::FallbackPlan& fallback : plan.fallbacks) {
    const config::Fallback& policy = request.routed.policies->fallback[fallback.index];
    const bool asks = !policy.answer && !policy.stale;
    json.begin_object();
    json.member("index", fallback.index);
    null_or(json, "upstream", asks ? fallback.upstream : std::string_view{});
    null_or(json, "model", asks ? fallback.model : std::string_view{});
    json.member("answer", policy.answer.has_value());
    json.member("stale", policy.stale.has_value());
    json.end_object();
  }
  json.end_array();
}

void write_verdict(JsonWriter& json, const RequestPlan& request, const VerdictPlan& plan) {
  json.begin_object();
  json.member("on", plan.name());
  json.member("retries", plan.waits.size());
  json.key("waits_ms");
  json.begin_array();
  for (const config::WaitRange& wait : plan.waits) {
    json.begin_array();
    json.value(wait.low);
    json.value(wait.high);
    json.end_array();
  }
  json.end_array();
  write_phases(json, plan);
  write_cooldown(json, plan);
  write_fallbacks(json, request, plan);
  json.key("answer");
  json.begin_object();
  const std::string_view stop = to_string(plan.last.stop);
  json.member("stop", stop.empty() ? std::string_view("") : stop);
  json.key("status");
  if (plan.last.status != 0) {
    json.value(plan.last.status);
  } else {
    json.null();
  }
  constexpr std::string_view kStops[] = {"no", "yes", "by_status"};
  json.member("stops_clients", kStops[static_cast<std::size_t>(plan.last.stops_clients)]);
  json.member("hint_in_retry_after", plan.last.hint_told);
  json.end_object();
  json.end_object();
}

}  // namespace

std::string print_json(const RequestReport& report) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  write_request(json, report.asked);
  write_route(json, report.plan);
  write_facts(json, report);
  write_values(json, report.values);
  json.key("verdicts");
  json.begin_array();
  for (const VerdictPlan& plan : report.verdicts) write_verdict(json, report.plan, plan);
  json.end_array();
  json.end_object();
  return text + "\n";
}

std::string print_json(const AskedRequest& asked, const upstream::Misroute& misroute) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  write_request(json, asked);
  json.key("misroute");
  json.begin_object();
  json.member("status", misroute.status);
  json.member("code", misroute.code);
  json.member("detail", std::string_view(misroute.detail));
  null_or(json, "suggestion", misroute.suggestion);
  json.end_object();
  json.end_object();
  return text + "\n";
}

}  // namespace outrigger::cli
