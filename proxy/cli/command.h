// What the commands share. A command is one file: it declares its arguments on the application and
// says what to do when it is chosen.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "proxy/supervisor.h"

namespace outrigger::cli {

// The chosen command's work, called after the whole command line was accepted; returns an ExitCode
// (supervisor.h).
using Action = std::function<int()>;

void add_run(CLI::App& app, Action& chosen);
void add_init(CLI::App& app, Action& chosen);
void add_check(CLI::App& app, Action& chosen);
void add_config(CLI::App& app, Action& chosen);
void add_store(CLI::App& app, Action& chosen);
void add_cache(CLI::App& app, Action& chosen);
void add_env(CLI::App& app, Action& chosen);
void add_mock(CLI::App& app, Action& chosen);
void add_classify(CLI::App& app, Action& chosen);
void add_explain(CLI::App& app, Action& chosen);
void add_completion(CLI::App& app, Action& chosen);
void add_version(CLI::App& app, Action& chosen);

// Headings of `outrigger --help`, in the order of their first command.
inline constexpr const char* kServing = "Serve";
inline constexpr const char* kConfiguring = "Configure";
inline constexpr const char* kOperating = "Operate a running proxy";
inline constexpr const char* kTrying = "Try out";
inline constexpr const char* kLearning = "Look up";

// Declares a command: `perform(options)` is its work. Options are shared by the parser and the
// action.
template <class Options, class Perform>
void when_chosen(CLI::App& command, Action& chosen, std::shared_ptr<Options> options,
                 Perform perform) {
  command.final_callback([&chosen, options = std::move(options), perform = std::move(perform)] {
    chosen = [options, perform] { return perform(*options); };
  });
}

}  // namespace outrigger::cli
