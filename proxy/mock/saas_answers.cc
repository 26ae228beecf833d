// APIs that are no model: Stripe, Salesforce, Slack, GitHub, HubSpot, and an echo for all else.
#include <array>

#include "proxy/mock/answers.h"

namespace outrigger::mock {
namespace {

struct StripeKind {
  std::string_view path, object, prefix;
};

constexpr std::array kStripeKinds = {
    StripeKind{"/charges", "charge", "ch_"},
    StripeKind{"/customers", "customer", "cus_"},
    StripeKind{"/payment_intents", "payment_intent", "pi_"},
    StripeKind{"/refunds", "refund", "re_"},
    StripeKind{"/invoices", "invoice", "in_"},
};

std::string last_segment(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

Answer stripe(const Call& call, Identity& identity) {
  StripeKind kind = kStripeKinds.front();
  for (const StripeKind& each : kStripeKinds) {
    if (call.path.find(each.path) != std::string::npos) kind = each;
  }
  const std::string last = last_segment(call.path);
  const bool named = last.starts_with(kind.prefix);  // GET /v1/charges/ch_1
  Json body = {{"id", named ? last : identity.make(kind.prefix)},
               {"object", kind.object},
               {"created", identity.seconds()},
               {"livemode", false},
               {"metadata", Json::object()},
               {"status", "succeeded"}};
  if (call.method == "GET" && !named) {
    body = {{"object", "list"}, {"url", call.path}, {"has_more", false}, {"data", Json::array()}};
  }
  Answer answer = whole_answer(body);
  answer.headers = {{"request-id", identity.make("req_", 14)}, {"stripe-version", "2025-01-27"}};
  return answer;
}

Answer salesforce(const Call& call, Identity& identity) {
  const std::string id = identity.make("001", 15);
  Answer answer = whole_answer({{"id", id}, {"success", true}, {"errors", Json::array()}});
  if (call.method == "GET") {
    answer = whole_answer({{"totalSize", 0}, {"done", true}, {"records", Json::array()}});
  } else if (call.method == "POST") {
    answer.status = 201;
  }
  answer.headers.emplace_back("Sforce-Limit-Info", "api-usage=18/5000");
  return answer;
}

Answer slack(const Call&, Identity& identity) {
  return whole_answer({{"ok", true},
                       {"channel", identity.make("C", 10)},
                       {"ts", std::to_string(identity.seconds()) + ".000100"}});
}

Answer github(const Call& call, Identity& identity) {
  Answer answer = whole_answer({{"id", 1}, {"node_id", identity.make("I_")}, {"url", call.path}});
  if (call.path.ends_with("/graphql"))
    answer = whole_answer({{"data", {{"viewer", {{"login", "mock"}}}}}});
  if (call.method == "POST" && !call.path.ends_with("/graphql")) answer.status = 201;
  answer.headers.emplace_back("x-github-request-id", identity.uuid());
  return answer;
}

Answer hubspot(const Call& call, Identity& identity) {
  Answer answer = whole_answer({{"id", std::to_string(identity.seconds())},
                                {"properties", Json::object()},
                                {"createdAt", rfc3339(identity.seconds())},
                                {"archived", false}});
  if (call.method == "POST") answer.status = 201;
  return answer;
}

}  // namespace

Answer saas_answer(const Call& call, Identity& identity) {
  switch (call.dialect) {
    case Dialect::kStripe:
      return stripe(call, identity);
    case Dialect::kSalesforce:
      return salesforce(call, identity);
    case Dialect::kSlack:
      return slack(call, identity);
    case Dialect::kGitHub:
      return github(call, identity);
    case Dialect::kHubSpot:
      return hubspot(call, identity);
    default:
      return whole_answer({{"id", identity.uuid()},
                           {"method", call.method},
                           {"path", call.path},
                           {"body", call.body}});
  }
}

}  // namespace outrigger::mock
