// `outrigger env`: what an agent's environment needs so that its SDKs call the proxy.
#include <cstdlib>
#include <filesystem>

#include "config/address.h"
#include "proxy/cli/command.h"
#include "proxy/cli/config_source.h"
#include "proxy/cli/env_variables.h"
#include "proxy/cli/flags.h"
#include "proxy/cli/terminal.h"

namespace outrigger::cli {
namespace {

struct Options {
  std::string file;
  std::string shell;
  std::string listen;
};

Shell shell_of(const Options& options) {
  if (!options.shell.empty()) return parse_shell(options.shell).value_or(Shell::kPosix);
  const char* login = std::getenv("SHELL");
  if (login == nullptr) return Shell::kPosix;
  return parse_shell(std::filesystem::path(login).filename().string()).value_or(Shell::kPosix);
}

int env(const Options& options) {
  const config::Loaded loaded = load_or_complain(find_config(options.file));
  if (!loaded.config) return kExitConfig;
  config::Config config = *loaded.config;
  if (!options.listen.empty()) {
    if (const auto address = config::parse_listen_address(options.listen)) {
      config.server.listen = {*address};
    }
  }
  const std::vector<Variable> variables = base_url_variables(config);
  if (variables.empty()) {
    complain("no base URL: the proxy listens on no TCP port, or has no upstream");
    return kExitFailure;
  }
  print_out(render(variables, shell_of(options)));
  return kExitFine;
}

}  // namespace

void add_env(CLI::App& app, Action& chosen) {
  CLI::App& command =
      *app.add_subcommand("env", "Print the variables that point SDKs at the proxy");
  command.group(kServing);
  auto options = std::make_shared<Options>();
  add_config_argument(command, options->file);
  command
      .add_option("--shell", options->shell,
                  "bash, zsh, sh, fish, powershell, docker (for --env-file) or k8s (for env:); "
                  "without it the login shell's")
      ->type_name("NAME")
      ->check(CLI::IsMember({"bash", "zsh", "sh", "fish", "powershell", "docker", "k8s"}));
  command.add_option("--listen", options->listen, "The address given to `outrigger run --listen`")
      ->type_name("HOST:PORT")
      ->envname("OUTRIGGER_LISTEN")
      ->check(listen_address);
  command.footer(
      "Keys are passed through: an SDK needs its key as before.\n\n"
      "Examples:\n"
      "  eval \"$(outrigger env)\" && python agent.py\n"
      "  outrigger env --shell fish | source\n"
      "  outrigger env --shell docker > agent.env");
  when_chosen(command, chosen, options, env);
}

}  // namespace outrigger::cli
