// `outrigger run`: hands the command line to the supervisor.
#include <map>
#include <string>

#include "config/units.h"
#include "proxy/cli/banner.h"
#include "proxy/cli/command.h"
#include "proxy/cli/config_source.h"
#include "proxy/cli/flags.h"
#include "proxy/cli/terminal.h"

namespace outrigger::cli {
namespace {

struct Options {
  std::string file;
  std::string listen, health, admin;
  std::string workers;
  std::string log_level;
};

const std::map<std::string, LogLevel> kLogLevels = {{"debug", LogLevel::kDebug},
                                                    {"info", LogLevel::kInfo},
                                                    {"warn", LogLevel::kWarn},
                                                    {"error", LogLevel::kError}};

std::optional<std::string> given(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text;
}

std::optional<unsigned> count_of(const std::string& workers) {
  if (workers.empty()) return std::nullopt;
  return static_cast<unsigned>(config::parse_integer(workers).value_or(0));  // auto: 0
}

int run(const Options& options) {
  if (options.file == "-") {
    complain(
        "run cannot read its configuration from standard input: it reloads it when it changes");
    return kExitUsage;
  }
  RunOptions run;
  run.config_file = find_config(options.file).file;
  run.listen = given(options.listen);
  run.health = given(options.health);
  run.admin = given(options.admin);
  run.workers = count_of(options.workers);
  const auto level = kLogLevels.find(options.log_level);
  if (level != kLogLevels.end()) run.log_level = level->second;
  run.banner = [](const config::Config& config) { return banner(config); };
  return outrigger::run(run);
}

void add_address(CLI::App& command, const std::string& flag, std::string& into,
                 const std::string& variable, const std::string& meaning) {
  command.add_option(flag, into, meaning)
      ->type_name("HOST:PORT")
      ->envname(variable)
      ->check(listen_address);
}

}  // namespace

void add_run(CLI::App& app, Action& chosen) {
  CLI::App& command = *app.add_subcommand("run", "Serve a configuration, or the known providers");
  command.group(kServing);
  auto options = std::make_shared<Options>();
  add_config_argument(command, options->file);
  add_address(command, "--listen", options->listen, "OUTRIGGER_LISTEN",
              "Where clients call the proxy (default 127.0.0.1:4170)");
  add_address(command, "--health", options->health, "OUTRIGGER_HEALTH",
              "Where probes and /metrics answer (default 127.0.0.1:4173)");
  add_address(command, "--admin", options->admin, "OUTRIGGER_ADMIN",
              "Where the admin API answers (default 127.0.0.1:4172)");
  command
      .add_option("--workers", options->workers,
                  "Threads that serve: auto (one a core) or a number")
      ->type_name("N")
      ->envname("OUTRIGGER_WORKERS")
      ->check(worker_count);
  command
      .add_option("--log-level", options->log_level,
                  "The least that the process log tells: debug, info (default), warn or error")
      ->type_name("LEVEL")
      ->envname("OUTRIGGER_LOG_LEVEL")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  command.footer(
      "Flags go before variables, variables before the file, the file before defaults.\n"
      "SIGHUP reloads the file, as does a change to it; a bad file changes nothing. SIGTERM or\n"
      "Ctrl-C drains: readiness fails, running calls finish; a second one ends at once.\n\n"
      "Examples:\n"
      "  outrigger run                       the known providers, under http://127.0.0.1:4170\n"
      "  outrigger run outrigger.yaml        your configuration\n"
      "  outrigger run --listen [::1]:8080   on another address");
  when_chosen(command, chosen, options, run);
}

}  // namespace outrigger::cli
