#include "filters/explain/request_plan.h"

#include <utility>

#include <fmt/format.h>

#include "filters/deadline/deadlines.h"
#include "filters/explain/cache_plan.h"
#include "filters/idempotency/request_key.h"
#include "filters/intake/request_facts.h"
#include "filters/retry/safety.h"

namespace outrigger::filters {
namespace {

std::string because_of_host(const upstream::Routed& routed, std::string_view how) {
  return fmt::format("{} names {}:{}{}", how, routed.forward_host, routed.forward_port,
                     routed.upstream != nullptr ? ", a host of the upstream"
                                                : ", which no upstream has; server.forward is on");
}

std::string because(const upstream::Routed& routed) {
  switch (routed.way) {
    case upstream::Way::kBaseUrl:
      return routed.upstream->path_prefix.empty()
                 ? "the upstream takes every path that no other has"
                 : fmt::format("path prefix {}", routed.upstream->path_prefix);
    case upstream::Way::kForward:
      return because_of_host(routed, "the URL");
    case upstream::Way::kTunnel:
      return because_of_host(routed, "CONNECT");
    case upstream::Way::kTransparent:
      return because_of_host(routed, "Host");
  }
  return {};
}

void find_out_model(const DrySend& request, RequestPlan& plan) {
  plan.model_asked = needs_model(*plan.routed.policies);
  if (!plan.model_asked) return;
  plan.model = model_of_target(plan.routed.target);
  if (!plan.model.empty()) {
    plan.model_from = "the target";
    return;
  }
  if (!request.body || !is_json(request.head.headers)) return;
  ModelSearch search = find_model(*request.body);
  if (search.state != ModelSearch::State::kFound) return;
  plan.model = std::move(search.model);
  plan.model_from = "the body";
}

std::string_view words_of(KeySource source) noexcept {
  switch (source) {
    case KeySource::kHeader:
      return "idempotency.header";
    case KeySource::kJson:
      return "idempotency.json";
    case KeySource::kStep:
      return "Outrigger-Execution and Outrigger-Step";
    case KeySource::kInvocation:
      return "amz-sdk-invocation-id";
    case KeySource::kLibrary:
      break;
  }
  return "x-stainless-retry-count: the request itself";
}

// Whether the upstream is told a key that `idempotency` has found.
bool find_out_once(const DrySend& request, RequestPlan& plan) {
  const auto& policy = plan.routed.policies->idempotency;
  if (!policy) return false;
  const http::Headers& headers = request.head.headers;
  const auto value = [&](std::string_view name) {
    const http::Field* field = headers.find(name);
    return field == nullptr ? std::string_view{} : field->value;
  };
  const auto key = find_key(request.head, {.text = request.body.value_or(std::string_view{})},
                            *policy, {value("outrigger-execution"), value("outrigger-step")});
  if (!key) {
    plan.once =
        fmt::format("refused with 400 {}: {}", to_string(key.error().why), key.error().detail);
    return false;
  }
  if (!*key) {
    plan.once = "no key: it is sent like any request";
    return false;
  }
  plan.once = fmt::format("executed once; the key is that of {}", words_of((*key)->source));
  return (*key)->source != KeySource::kLibrary &&
         (!policy->upstream.header.empty() || !policy->upstream.json.empty());
}

void find_out_replay(const DrySend& request, RequestPlan& plan) {
  const config::Policies& policies = *plan.routed.policies;
  const http::RequestHead& head = request.head;
  KeySent key = KeySent::kYes;
  plan.idempotency_key = KeyState::kSent;
  const bool sent = !head.headers.get(http::HeaderId::kIdempotencyKey).empty();
  if (find_out_once(request, plan)) {
    if (!sent) plan.idempotency_key = KeyState::kAdded;
  } else if (!sent) {
    const bool added = policies.retry && adds_key(policies, head.method);
    const bool shadow = policies.shadowed(config::Shadowed::kRetry);
    plan.idempotency_key = !added   ? KeyState::kNone
                           : shadow ? KeyState::kWouldBeAdded
                                    : KeyState::kAdded;
    key = added ? KeySent::kYes : KeySent::kNo;
  }
  plan.replay = replay_class(policies, head.method, key);
  const bool idempotent = http::is_idempotent(head.method);
  const std::string method =
      fmt::format("{} is {}idempotent", head.method_text, idempotent ? "" : "not ");
  if (!policies.replay) {
    plan.replay_because = "by method: " + method;
  } else if (*policies.replay != plan.replay) {
    plan.replay_because =
        "replay is keyed, but the request has no Idempotency-Key; by method: " + method;
  } else {
    plan.replay_because = "the policy says so";
    if (plan.replay == config::Replay::kKeyed) {
      plan.replay_because += plan.idempotency_key == KeyState::kSent
                                 ? ", and the request has an Idempotency-Key"
                                 : ", and the proxy adds an Idempotency-Key";
    }
  }
}

// Each field asks for itself, so that the one that decides can be named.
void find_out_deadline(const http::Headers& headers, std::int64_t now_us, RequestPlan& plan) {
  const auto take = [&](std::optional<Duration> asked, std::string_view from) {
    if (!asked || (plan.deadline && *plan.deadline <= *asked)) return;
    plan.deadline = asked;
    plan.deadline_from = from;
  };
  for (const http::Field& field : headers) {
    const bool ours = http::equals_ignore_case(field.name, "outrigger-deadline");
    http::Headers alone;
    alone.add_view(field.id, field.name, field.value);
    take(asked_time(alone, ours ? field.value : std::string_view{}, now_us), field.name);
  }
  take(plan.routed.policies->deadline, "deadline");
}

void find_out_size(const DrySend& request, RequestPlan& plan) {
  const config::Policies& policies = *plan.routed.policies;
  const std::size_t size = request.body ? request.body->size() : 0;
  plan.too_large = policies.max_request_body && size > *policies.max_request_body;
  plan.body_replayable = !policies.retry || size <= policies.retry->buffer;
}

// As the filters see it.
http::RequestHead routed_head(const DrySend& request, const RequestPlan& plan) {
  http::RequestHead head = request.head;
  head.target = plan.routed.target;
  return head;
}

}  // namespace

PlannedRequest RequestPlan::planned() const noexcept {
  return {.policies = *routed.policies,
          .upstream = routed.upstream != nullptr ? std::string_view(routed.upstream->name)
                                                 : std::string_view(routed.forward_host),
          .model = model,
          .replay = replay,
          .body_replayable = body_replayable,
          .deadline = deadline};
}

std::expected<RequestPlan, upstream::Misroute> plan_request(upstream::Router& router,
                                                            DrySend request, std::int64_t now_us) {
  auto routed = router.route(request.head);
  if (!routed) return std::unexpected(std::move(routed).error());
  RequestPlan plan;
  plan.routed = std::move(*routed);
  plan.route_because = because(plan.routed);
  plan.credential = find_credential(request.head).carrier;
  find_out_model(request, plan);
  find_out_replay(request, plan);
  plan.cache = plan_cache(routed_head(request, plan), request.body, *plan.routed.policies);
  find_out_deadline(request.head.headers, now_us, plan);
  find_out_size(request, plan);
  plan.filters = plan.routed.upstream != nullptr
                     ? filters_of_chain(*plan.routed.upstream, plan.routed.route)
                     : filters_of_forward_chain();
  return plan;
}

}  // namespace outrigger::filters
