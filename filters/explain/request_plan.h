// What the proxy would make of a request, without sending it: for `outrigger explain`. No I/O.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "filters/explain/verdict_plan.h"
#include "proxy/http/message.h"
#include "proxy/upstream/router.h"

namespace outrigger::filters {

// A request in one piece. The head's views outlive the plan.
struct DrySend {
  http::RequestHead& head;
  std::optional<std::string_view> body;
};

enum class KeyState : std::uint8_t {
  kNone,
  kSent,          // by the client
  kAdded,         // by the proxy
  kWouldBeAdded,  // but retry is in shadow
};

struct RequestPlan {
  upstream::Routed routed;
  std::string route_because;
  std::vector<std::string> filters;  // of its chain, outermost first

  std::string model;            // empty: none, or nobody asks for it
  std::string_view model_from;  // "the target", "the body"; empty without a model
  bool model_asked = false;     // something is keyed by it
  std::string_view credential;  // that carries it, see find_credential; never its value
  config::Replay replay = config::Replay::kUnsent;
  std::string replay_because;
  KeyState idempotency_key = KeyState::kNone;
  std::string once;   // whose execution it is part of, or why it is refused; empty: no such policy
  std::string cache;  // what that would do with it; empty: no such policy
  std::optional<Duration> deadline;
  std::string deadline_from;  // a header's name, or `deadline`: the policy
  bool too_large = false;     // refused with 413
  bool body_replayable = true;

  // The request as the policies see it; borrows from this.
  [[nodiscard]] PlannedRequest planned() const noexcept;
};

// Error: the answer that the router would give. `now_us`: microseconds since 1970 UTC, for an
// Outrigger-Deadline that is a time of day. The router outlives the plan.
std::expected<RequestPlan, upstream::Misroute> plan_request(upstream::Router& router,
                                                            DrySend request, std::int64_t now_us);

// The names of the filters of the chain that ChainBuilder makes.
std::vector<std::string> filters_of_chain(const config::Upstream& upstream,
                                          const config::Route* route);
// Of a host that no upstream names.
std::vector<std::string> filters_of_forward_chain();

}  // namespace outrigger::filters
