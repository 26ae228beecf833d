// Which configuration a command works on, and loading it with its problems told.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "config/loader.h"

namespace outrigger::cli {

struct ConfigSource {
  std::string file;  // empty: the built-in providers; "-": standard input
  std::string why;   // "OUTRIGGER_CONFIG is set", ... for a message; empty when it was named
};

// The argument, else OUTRIGGER_CONFIG, else ./outrigger.yaml where it exists, else built in.
ConfigSource find_config(const std::string& argument);

inline constexpr const char* kOrBuiltIn =
    "Configuration file; without it OUTRIGGER_CONFIG, then ./outrigger.yaml, then the built-in "
    "providers";
inline constexpr const char* kOrNone =
    "Configuration file, - for standard input; without it OUTRIGGER_CONFIG, then ./outrigger.yaml";

// Adds FILE, with that meaning, and its synonym -c/--config, both storing into `file`.
void add_config_argument(CLI::App& command, std::string& file, const char* meaning = kOrBuiltIn);

config::Loaded load(const ConfigSource& source);

// Loads, and prints what is wrong to stderr; warnings as well. nullptr config after errors.
config::Loaded load_or_complain(const ConfigSource& source);

}  // namespace outrigger::cli
