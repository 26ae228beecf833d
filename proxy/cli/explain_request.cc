#include "proxy/cli/explain_request.h"

#include <utility>

#include <fmt/format.h>

#include "filters/intake/request_facts.h"
#include "proxy/base/wall_clock.h"
#include "proxy/cli/config_source.h"
#include "proxy/cli/input.h"
#include "proxy/cli/request_report.h"
#include "proxy/cli/terminal.h"
#include "proxy/supervisor.h"

namespace outrigger::cli {
namespace {

// As curl's -d, but for the line breaks, which stay.
Result<std::string> read_body(const std::string& given) {
  return given.starts_with('@') ? read_input(given.substr(1)) : given;
}

int wrong_usage(const std::string& message) {
  complain(message);
  print_error("Try `outrigger explain --help`.\n");
  return kExitUsage;
}

int report(const config::Loaded& loaded, const AskedRequest& asked,
           const filters::RequestPlan& plan, const ExplainOptions& options) {
  const upstream::Routed& routed = plan.routed;
  std::vector<config::PolicyValue> values;
  if (routed.upstream != nullptr) {
    const auto route =
        routed.route != nullptr ? std::optional<std::size_t>(routed.route_index - 1) : std::nullopt;
    values = config::policy_values(loaded, routed.upstream_index, route);
  }
  const std::vector<filters::VerdictPlan> verdicts = filters::plan_verdicts(plan.planned());
  const RequestReport all{asked, plan, verdicts, values};
  const DefaultValues defaults = options.defaults ? DefaultValues::kShown : DefaultValues::kHidden;
  print_out(options.json ? print_json(all) : print_text(all, defaults));
  return plan.too_large ? kExitFailure : kExitFine;
}

}  // namespace

int explain_request(const ExplainOptions& options) {
  const ConfigSource source = find_config(options.config);
  const config::Loaded loaded = load_or_complain(source);
  if (!loaded.config) return kExitConfig;
  RequestWords words{options.first, options.second, options.headers, {}};
  if (options.body) {
    Result<std::string> body = read_body(*options.body);
    if (!body) {
      complain(body.error().detail);
      return kExitFailure;
    }
    words.body = std::move(*body);
  }
  const auto asked = read_request(std::move(words), loaded.config->server);
  if (!asked) return wrong_usage(asked.error().detail.str());
  AskedRequest& request = **asked;
  upstream::Router router(loaded.config);
  const auto plan =
      filters::plan_request(router, {request.head, request.words.body}, WallClock::system());
  if (!plan) {
    print_out(options.json ? print_json(request, plan.error()) : print_text(request, plan.error()));
    return plan.error().status < 400 ? kExitFine : kExitFailure;
  }
  if (plan->model_asked && request.words.body && filters::is_json(request.head.headers)) {
    if (const auto fault = json_fault(*request.words.body)) {
      return wrong_usage(fmt::format(
          "the body is not JSON ({}), and this route reads the model from it; correct it, or name "
          "its type with -H 'Content-Type: ...'",
          *fault));
    }
  }
  return report(loaded, request, *plan, options);
}

}  // namespace outrigger::cli
