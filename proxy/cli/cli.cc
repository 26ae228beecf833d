#include "proxy/cli/cli.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "proxy/base/version.h"
#include "proxy/cli/command.h"
#include "proxy/cli/help.h"
#include "proxy/cli/suggest.h"
#include "proxy/cli/terminal.h"

namespace outrigger::cli {
namespace {

constexpr const char* kFooter =
    "Examples:\n"
    "  outrigger run                      serve the known providers, with no configuration\n"
    "  eval \"$(outrigger env)\"            point SDKs in this shell at it\n"
    "  outrigger init                     write outrigger.yaml to start from\n"
    "  outrigger check outrigger.yaml     find mistakes in it before it is used\n"
    "  outrigger mock --fault status=503  an upstream that fails, to try policies on\n"
    "  outrigger classify -p openai f.txt say what an answer of a provider is taken for\n"
    "  outrigger explain OUT-110          say what a message means\n"
    "  outrigger explain GET /openai/v1/models   say what would become of a request\n\n"
    "Environment:\n"
    "  OUTRIGGER_CONFIG                   the configuration file, where a command names none\n"
    "  OUTRIGGER_LISTEN, ..._HEALTH, ..._ADMIN, ..._WORKERS, ..._LOG_LEVEL\n"
    "                                     as the flags of `outrigger run`\n"
    "  OUTRIGGER_ADMIN_TOKEN              what the admin port asks for, and commands show it\n"
    "  NO_COLOR                           no colours, even on a terminal\n\n"
    "Exit codes:\n"
    "  0 fine   1 it failed   2 the command line is wrong   3 the configuration is wrong\n"
    "  4 the proxy cannot be reached\n\n"
    "`outrigger COMMAND --help` says more about a command.";

constexpr const char* kShortHelp =
    "Outrigger carries the HTTP calls of AI agents and makes them survive.\n\n"
    "  outrigger run        serve the known providers, or the configuration in outrigger.yaml\n"
    "  outrigger init       write a commented outrigger.yaml\n"
    "  outrigger --help     all commands\n";

void declare(CLI::App& app, Action& chosen) {
  app.name("outrigger");
  app.set_help_flag("-h,--help", "Print this help");
  app.set_version_flag("-V,--version", fmt::format("outrigger {}", kVersion), "Print the version");
  app.formatter_fn([](const CLI::App* shown, const std::string&, CLI::AppFormatMode) {
    return make_help(*shown);
  });
  app.require_subcommand(0, 1);
  add_run(app, chosen);
  add_env(app, chosen);
  add_init(app, chosen);
  add_check(app, chosen);
  add_config(app, chosen);
  add_store(app, chosen);
  add_cache(app, chosen);
  add_mock(app, chosen);
  add_classify(app, chosen);
  add_explain(app, chosen);
  add_completion(app, chosen);
  add_version(app, chosen);
  app.footer(kFooter);  // last: a command inherits what is set before it
}

// The deepest command that the words name, and the word that it does not know, if any.
struct Reached {
  const CLI::App* command;
  std::string_view unknown;
};

Reached walk(const CLI::App& app, int argc, char** argv) {
  const CLI::App* command = &app;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto known = subcommands(*command);
    if (known.empty() || word.starts_with('-')) break;
    const auto found = std::ranges::find(known, word, &CLI::App::get_name);
    if (found == known.end()) return {command, word};
    command = *found;
  }
  return {command, {}};
}

// The first option on the command line that the command does not have.
std::string_view unknown_option(const CLI::App& command, int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--") break;
    if (!word.starts_with('-') || word.size() < 2) continue;
    const std::string name(word.substr(0, word.find('=')));
    if (command.get_option_no_throw(name) == nullptr) return word.substr(0, name.size());
  }
  return {};
}

std::vector<std::string> long_options(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : options(command)) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::string no_such_command(const Reached& reached) {
  std::vector<std::string> known;
  for (const CLI::App* command : subcommands(*reached.command))
    known.push_back(command->get_name());
  return fmt::format("there is no command \"{}\"{}", reached.unknown,
                     did_you_mean(reached.unknown, known));
}

std::string what_is_wrong(const CLI::ParseError& error, const Reached& reached, int argc,
                          char** argv) {
  if (!reached.unknown.empty()) return no_such_command(reached);
  const std::string_view option = unknown_option(*reached.command, argc, argv);
  const auto kind = static_cast<CLI::ExitCodes>(error.get_exit_code());
  if (kind == CLI::ExitCodes::ExtrasError && !option.empty()) {
    return fmt::format("there is no option {}{}", option,
                       did_you_mean(option, long_options(*reached.command)));
  }
  if (kind == CLI::ExitCodes::RequiredError && !subcommands(*reached.command).empty()) {
    return fmt::format("\"{}\" needs a command", command_path(*reached.command));
  }
  return error.what();
}

int usage_error(const std::string& message, const CLI::App& command) {
  complain(message);
  print_error(fmt::format("Try `{} --help`.\n", command_path(command)));
  return kExitUsage;
}

// `outrigger help run` is `outrigger run --help`.
int help(const CLI::App& app, int argc, char** argv) {
  const Reached reached = walk(app, argc, argv);
  if (!reached.unknown.empty()) return usage_error(no_such_command(reached), *reached.command);
  print_out(make_help(*reached.command));
  return kExitFine;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app("Outrigger carries the HTTP calls of AI agents and makes them survive.");
  Action chosen;
  declare(app, chosen);
  if (argc > 1 && std::string_view(argv[1]) == "help") return help(app, argc - 1, argv + 1);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    print_out(make_help(*walk(app, argc, argv).command));
    return kExitFine;
  } catch (const CLI::CallForVersion& version) {
    print_out(fmt::format("{}\n", version.what()));
    return kExitFine;
  } catch (const CLI::ParseError& error) {
    const Reached reached = walk(app, argc, argv);
    return usage_error(what_is_wrong(error, reached, argc, argv), *reached.command);
  }
  if (chosen) return chosen();
  print_out(kShortHelp);
  return kExitFine;
}

}  // namespace

int main(int argc, char** argv) {
  const int code = parse_and_run(argc, argv);
  return close_output() ? code : (code == kExitFine ? kExitFailure : code);
}

}  // namespace outrigger::cli
