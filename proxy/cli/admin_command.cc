#include "proxy/cli/admin_command.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "config/units.h"
#include "proxy/cli/terminal.h"
#include "proxy/supervisor.h"

namespace outrigger::cli {
namespace {

constexpr const char* kToken = "OUTRIGGER_ADMIN_TOKEN";

std::string admin_address(const std::string& text) {
  const auto address = parse_admin_address(text);
  return address ? std::string() : fmt::format("\"{}\" is {}", text, address.error());
}

std::string duration(const std::string& text) {
  const auto time = config::parse_duration(text);
  if (time && *time > Duration{0}) return {};
  return fmt::format("\"{}\" is not a duration, for example 30s", text);
}

int unreachable(const AdminAddress& address, const Error& error) {
  complain(fmt::format("cannot reach the proxy at {}: {}", address.text, error.detail.view()));
  print_error("Is it running? --admin says where its admin port is.\n");
  return kExitUnreachable;
}

// A problem document says what is wrong in `detail`.
int refused(const AdminAddress& address, const AdminAnswer& answer) {
  const auto problem = nlohmann::json::parse(answer.body, nullptr, false);
  const bool told = problem.is_object() && problem.contains("detail") &&
                    problem["detail"].is_string() && problem.contains("type");
  complain(told ? problem["detail"].get<std::string>()
                : fmt::format("{} answered with status {}; is it the admin port of a proxy?",
                              address.text, answer.status));
  if (told && answer.status == 401) print_error(fmt::format("Put the token into {}.\n", kToken));
  return kExitFailure;
}

}  // namespace

void add_admin_options(CLI::App& command, AdminOptions& options) {
  command
      .add_option("--admin", options.address,
                  "Its admin port: a URL, HOST:PORT or unix:/PATH (default http://127.0.0.1:4172)")
      ->type_name("URL")
      ->envname("OUTRIGGER_ADMIN")
      ->check(admin_address);
  command.add_option("-o,--output", options.output, "table (default) or json")
      ->check(CLI::IsMember({"table", "json"}));
  command.add_option("--timeout", options.timeout, "How long the answer may take (default 30s)")
      ->type_name("DURATION")
      ->check(duration);
}

std::expected<std::string, int> ask(const AdminOptions& options, const AdminRequest& request) {
  const AdminAddress address = parse_admin_address(options.address).value_or(AdminAddress{});
  const char* variable = std::getenv(kToken);
  const Secret token(variable == nullptr ? "" : variable);
  const auto visible = [](char c) { return c > ' ' && c <= '~'; };
  if (!std::ranges::all_of(token.reveal(), visible)) {
    complain(fmt::format("{} may have only visible ASCII characters", kToken));
    return std::unexpected(kExitUsage);
  }
  Result<AdminAnswer> answer =
      ask_admin(address, request, token, config::parse_duration(options.timeout).value_or(30s));
  if (!answer) return std::unexpected(unreachable(address, answer.error()));
  if (answer->status != 200 || !nlohmann::json::accept(answer->body)) {
    return std::unexpected(refused(address, *answer));
  }
  return std::move(answer->body);
}

}  // namespace outrigger::cli
