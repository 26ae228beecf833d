// `outrigger completion`: a script that completes commands, options, codes and files.
#include <set>

#include "proxy/cli/command.h"
#include "proxy/cli/completion.h"
#include "proxy/cli/terminal.h"

namespace outrigger::cli {
namespace {

struct Options {
  std::string shell;
};

}  // namespace

void add_completion(CLI::App& app, Action& chosen) {
  CLI::App& command = *app.add_subcommand("completion", "Print a completion script for a shell");
  command.group(kLearning);
  auto options = std::make_shared<Options>();
  const std::set<std::string> shells(std::begin(kCompletionShells), std::end(kCompletionShells));
  command.add_option("SHELL", options->shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember(shells));
  command.footer(
      "Examples:\n"
      "  source <(outrigger completion bash)      in ~/.bashrc\n"
      "  source <(outrigger completion zsh)       in ~/.zshrc, after compinit\n"
      "  outrigger completion fish | source       in ~/.config/fish/config.fish");
  when_chosen(command, chosen, options, [&app](const Options& given) {
    print_out(completion_script(completion_points(app), given.shell));
    return static_cast<int>(kExitFine);
  });
}

}  // namespace outrigger::cli
