// Completion scripts, generated from the declared commands. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

namespace outrigger::cli {

inline constexpr std::string_view kCompletionShells[] = {"bash", "zsh", "fish"};

// One thing that may be typed, and what it is for.
struct Candidate {
  std::string word;
  std::string meaning;
};

// What may follow one command.
struct CompletionPoint {
  std::string path;  // " config show": each word after a space; empty for the program itself
  std::vector<Candidate> commands;
  std::vector<Candidate> options;
  std::vector<Candidate> values;  // of its positional argument, where there is a closed list
  bool files = false;             // its positional argument is a file
};

// The program first, then every command below it.
std::vector<CompletionPoint> completion_points(const CLI::App& app);

// The script for one of kCompletionShells.
std::string completion_script(const std::vector<CompletionPoint>& points, std::string_view shell);

}  // namespace outrigger::cli
