#include "proxy/cli/help.h"

#include <algorithm>

#include <fmt/format.h>

#include "proxy/cli/terminal.h"

namespace outrigger::cli {
namespace {

constexpr std::size_t kColumn = 26;  // where descriptions begin
constexpr std::size_t kWidth = 96;

std::string entry(const std::string& left, const std::string& right) {
  std::string text = wrap(right, kWidth, std::string(kColumn, ' '));
  const std::string head = "  " + left;
  if (head.size() + 2 > kColumn) return head + "\n" + text;
  return text.replace(0, head.size(), head);
}

std::string usage(const CLI::App& app) {
  std::string text = "Usage: " + command_path(app);
  if (!subcommands(app).empty()) text += " COMMAND";
  for (const CLI::Option* option : options(app)) {
    if (!option->get_positional()) continue;
    const std::string name = option->get_name(true);
    text += option->get_required() ? " " + name : fmt::format(" [{}]", name);
  }
  return text + " [OPTIONS]\n";
}

// Groups in the order of their first command.
std::string commands(const CLI::App& app) {
  std::vector<std::string> groups;
  for (const CLI::App* command : subcommands(app)) {
    if (std::ranges::find(groups, command->get_group()) == groups.end()) {
      groups.push_back(command->get_group());
    }
  }
  std::string text;
  for (const std::string& group : groups) {
    text += fmt::format("\n{}:\n", group == "Subcommands" ? "Commands" : group);
    for (const CLI::App* command : subcommands(app)) {
      if (command->get_group() == group)
        text += entry(command->get_name(), command->get_description());
    }
  }
  return text;
}

std::string option_left(const CLI::Option& option) {
  if (option.get_positional()) return option.get_name(true);
  std::string text = spellings(option);
  if (option.get_items_expected_max() > 0) text += " " + option.get_type_name();
  return text;
}

std::string option_right(const CLI::Option& option) {
  const std::string variable = option.get_envname();
  return option.get_description() + (variable.empty() ? "" : fmt::format(" [{}]", variable));
}

std::string arguments(const CLI::App& app) {
  std::string positional, named;
  for (const CLI::Option* option : options(app)) {
    (option->get_positional() ? positional : named) +=
        entry(option_left(*option), option_right(*option));
  }
  if (!positional.empty()) positional.insert(0, "\nArguments:\n");
  if (!named.empty()) named.insert(0, "\nOptions:\n");
  return positional + named;
}

}  // namespace

std::string make_help(const CLI::App& app) {
  std::string text = app.get_description() + "\n\n" + usage(app) + commands(app) + arguments(app);
  if (!app.get_footer().empty()) text += "\n" + app.get_footer() + "\n";
  return text;
}

std::string command_path(const CLI::App& app) {
  if (app.get_parent() == nullptr) return app.get_name();
  return command_path(*app.get_parent()) + " " + app.get_name();
}

std::string spellings(const CLI::Option& option) {
  std::string text;
  for (const std::string& name : option.get_snames()) text += (text.empty() ? "-" : ", -") + name;
  for (const std::string& name : option.get_lnames()) text += (text.empty() ? "--" : ", --") + name;
  return text;
}

std::vector<const CLI::App*> subcommands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* command) { return !command->get_group().empty(); });
}

std::vector<const CLI::Option*> options(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return !option->get_group().empty(); });
}

}  // namespace outrigger::cli
