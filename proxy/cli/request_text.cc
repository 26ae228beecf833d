#include <algorithm>

#include <fmt/format.h>

#include "config/units.h"
#include "config/words.h"
#include "proxy/base/redact.h"
#include "proxy/cli/request_report.h"
#include "proxy/cli/terminal.h"
#include "proxy/cli/verdict_table.h"

namespace outrigger::cli {
namespace {

using filters::KeyState;
using filters::RequestPlan;

constexpr std::size_t kWidth = 98;
constexpr std::string_view kIndent = "            ";

std::string line(std::string_view name, std::string_view value) {
  const std::string wrapped = wrap(value, kWidth, kIndent);
  return fmt::format("{:<{}}", name, kIndent.size()) + wrapped.substr(kIndent.size());
}

std::string joined(const std::vector<std::string>& parts, std::string_view between) {
  std::string text;
  for (const std::string& part : parts) text.append(text.empty() ? "" : between).append(part);
  return text;
}

std::string with_origin(std::string text, const std::string& origin) {
  return origin.empty() ? text : fmt::format("{} ({})", text, origin);
}

std::string match_of(const config::RouteMatch& match) {
  std::string text = joined(match.methods, ", ");
  if (!match.path.empty()) text += (text.empty() ? "" : " ") + match.path;
  return text;
}

std::string route_text(const upstream::Routed& routed) {
  if (routed.route == nullptr) {
    return routed.upstream->routes.empty() ? "the upstream's own policies: it has no routes"
                                           : "the upstream's own policies: no route matches";
  }
  const config::Position& at = routed.route->position;
  return fmt::format("{}: match {} ({}:{}:{})", routed.route->name, match_of(routed.route->match),
                     at.file, at.line, at.column);
}

std::string sent_text(const RequestReport& report) {
  const RequestPlan& plan = report.plan;
  const std::string target = redacted_target(plan.routed.target);
  const std::vector<std::string> to = destinations_of(plan);
  const std::string what = plan.routed.way == upstream::Way::kTunnel
                               ? "bytes as they come, through a tunnel"
                               : fmt::format("{} {}", report.asked.words.method, target);
  return fmt::format("{} to {}{}", what, to.size() > 1 ? "one of " : "", joined(to, ", "));
}

std::string model_text(const RequestPlan& plan) {
  if (!plan.model_asked) return "not looked for: nothing is keyed by it";
  if (plan.model.empty()) return "none in the target or in a JSON body";
  return fmt::format("{}, from {}", plan.model, plan.model_from);
}

std::string credential_text(const RequestPlan& plan) {
  std::string text = plan.credential.empty()
                         ? "none"
                         : fmt::format("in {}; its value is never shown", plan.credential);
  const auto& own = plan.routed.policies->credentials;
  if (!own) return text;
  if (own->keep_client && !plan.credential.empty()) return text + "; the proxy's own is not used";
  if (own->aws) return text + "; the proxy signs for AWS";
  return fmt::format("{}; the proxy sends one of its own in {} instead (of {})", text, own->header,
                     own->keys.size());
}

std::string key_text(KeyState state) {
  switch (state) {
    case KeyState::kSent:
      return "Idempotency-Key of the client";
    case KeyState::kAdded:
      return "Idempotency-Key, added by the proxy: the same for all attempts";
    case KeyState::kWouldBeAdded:
      return "no Idempotency-Key: retry, which adds one, is in shadow";
    case KeyState::kNone:
      break;
  }
  return "no Idempotency-Key";
}

std::string deadline_text(const RequestReport& report) {
  const RequestPlan& plan = report.plan;
  if (!plan.deadline) return "none";
  const std::string text = config::print_duration(*plan.deadline);
  if (plan.deadline_from != "deadline") return fmt::format("{}, from {}", text, plan.deadline_from);
  return with_origin(text + ", of the policy", origin_of(report, "deadline"));
}

std::string shadow_text(const config::Policies& policies) {
  std::vector<std::string> names;
  for (const config::Shadowed policy : policies.shadow) names.emplace_back(to_string(policy));
  return joined(names, ", ") + ": these only say what they would have done";
}

std::string facts(const RequestReport& report) {
  const RequestPlan& plan = report.plan;
  const config::Policies& policies = *plan.routed.policies;
  std::string text;
  if (plan.routed.upstream != nullptr) {
    text += line("upstream", fmt::format("{}: {}", plan.routed.upstream->name, plan.route_because));
    text += line("route", route_text(plan.routed));
  } else {
    text += line("upstream", "none: " + plan.route_because);
  }
  text += line("sent", sent_text(report));
  if (plan.too_large) {
    text += line("refused", with_origin("413: the body is larger than max_request_body",
                                        origin_of(report, "max_request_body")));
  }
  text += line("model", model_text(plan));
  text += line("credential", credential_text(plan));
  text +=
      line("replay", with_origin(fmt::format("{}: {}", to_string(plan.replay), plan.replay_because),
                                 policies.replay ? origin_of(report, "replay") : ""));
  text += line("key", key_text(plan.idempotency_key));
  if (!plan.once.empty()) text += line("once", plan.once);
  if (!plan.cache.empty()) text += line("cache", plan.cache);
  if (!plan.body_replayable) {
    text += line("body", "is sent once: it is larger than retry.buffer");
  }
  text += line("deadline", deadline_text(report));
  text += line("dialect", to_string(policies.dialect));
  text += line("filters", joined(plan.filters, " > "));
  if (!policies.shadow.empty()) text += line("shadow", shadow_text(policies));
  return text;
}

bool shadowed(const config::Policies& policies, std::string_view policy) {
  return std::ranges::any_of(
      policies.shadow, [&](config::Shadowed one) { return config::to_string(one) == policy; });
}

std::string values(const RequestReport& report, DefaultValues defaults) {
  const config::Policies& policies = *report.plan.routed.policies;
  std::string text, group;
  for (const config::PolicyValue& value : report.values) {
    if (!value.written && defaults == DefaultValues::kHidden) continue;
    const std::string mark = shadowed(policies, value.policy) ? " (in shadow)" : "";
    if (value.key.empty()) {
      text += fmt::format("  {}{}: {}  # {}\n", value.policy, mark, value.value, value.origin);
      continue;
    }
    if (group != value.policy) text += fmt::format("  {}{}:\n", value.policy, mark);
    group = value.policy;
    text += fmt::format("    {}: {}  # {}\n", value.key, value.value, value.origin);
  }
  return text;
}

}  // namespace

std::string print_text(const RequestReport& report, DefaultValues defaults) {
  const AskedRequest& asked = report.asked;
  std::string text = fmt::format("{} {}\n\n", asked.words.method, redacted_target(asked.words.url));
  text += facts(report);
  if (report.plan.routed.upstream != nullptr) {
    text += defaults == DefaultValues::kShown
                ? "\nPolicies in force, and where each value is from:\n"
                : "\nPolicies that somebody wrote, and where (--defaults shows the others too):\n";
    text += values(report, defaults);
  }
  text += "\nWhat would happen after an attempt:\n\n";
  return text + verdict_table(report.plan, report.verdicts);
}

std::string print_text(const AskedRequest& asked, const upstream::Misroute& misroute) {
  std::string text = fmt::format("{} {}\n\n", asked.words.method, redacted_target(asked.words.url));
  text += line("answer", fmt::format("{} {}, by the proxy itself", misroute.status, misroute.code));
  if (!misroute.detail.empty()) text += line("why", misroute.detail);
  if (!misroute.suggestion.empty()) {
    text += line("try",
                 fmt::format("outrigger explain {} {}", asked.words.method, misroute.suggestion));
  }
  return text;
}

std::vector<std::string> destinations_of(const RequestPlan& plan) {
  const upstream::Routed& routed = plan.routed;
  std::vector<std::string> all;
  if (routed.upstream == nullptr) {
    const std::string_view scheme = routed.way == upstream::Way::kTunnel ? ""
                                    : routed.forward_tls                 ? "https://"
                                                                         : "http://";
    all.push_back(fmt::format("{}{}:{}", scheme, routed.forward_host, routed.forward_port));
    return all;
  }
  for (const config::Endpoint& endpoint : routed.upstream->endpoints) {
    const bool v6 = endpoint.host.contains(':');
    const std::string_view scheme = routed.way == upstream::Way::kTunnel ? ""
                                    : endpoint.tls                       ? "https://"
                                                                         : "http://";
    all.push_back(fmt::format("{}{}{}{}:{}", scheme, v6 ? "[" : "", endpoint.host, v6 ? "]" : "",
                              endpoint.port));
  }
  return all;
}

std::string origin_of(const RequestReport& report, std::string_view policy) {
  const auto found = std::ranges::find(report.values, policy, &config::PolicyValue::policy);
  return found != report.values.end() && found->written ? found->origin : "";
}

std::string_view name_of(filters::CallOutcome outcome) noexcept {
  constexpr std::string_view kNames[] = {"neutral", "success", "failure", "rate_only"};
  return kNames[static_cast<std::size_t>(outcome)];
}

}  // namespace outrigger::cli
