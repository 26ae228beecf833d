// The process: loads the configuration, starts the workers, reloads on SIGHUP or when the file
// changes, drains on SIGTERM. Lives on the main thread, which also serves the
// health and the admin port.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "config/config.h"
#include "proxy/base/log.h"

namespace outrigger {

struct RunOptions {
  std::string config_file;                           // empty: the built-in providers
  std::optional<std::string> listen, health, admin;  // HOST:PORT; stand above the file
  std::optional<unsigned> workers;                   // 0: one a core
  LogLevel log_level = LogLevel::kInfo;  // of the process log; requests have the access log
  // What to say on a terminal once everything listens.
  std::function<std::string(const config::Config&)> banner;
};

enum ExitCode : int {
  kExitFine = 0,
  kExitFailure = 1,
  kExitUsage = 2,
  kExitConfig = 3,
  kExitUnreachable = 4,  // of commands that ask a running proxy
};

// Serves until told to end; returns the exit code. Every failure has been told on stderr.
int run(const RunOptions& options);

}  // namespace outrigger
