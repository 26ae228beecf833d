// The text of --help: what a command is for, its arguments, examples.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

namespace outrigger::cli {

std::string make_help(const CLI::App& app);

// "outrigger config show": as it is typed.
std::string command_path(const CLI::App& app);

// "-c, --config": every way to write an option; empty for a positional.
std::string spellings(const CLI::Option& option);

std::vector<const CLI::App*> subcommands(const CLI::App& app);
std::vector<const CLI::Option*> options(const CLI::App& app);

}  // namespace outrigger::cli
