// What commands share that ask a running proxy: where it is, the token, and how its refusals read.
#pragma once

#include <expected>
#include <string>

#include <CLI/CLI.hpp>

#include "proxy/cli/admin_client.h"

namespace outrigger::cli {

struct AdminOptions {
  std::string address = "http://127.0.0.1:4172";
  std::string output = "table";
  std::string timeout = "30s";
};

// --admin, --output and --timeout.
void add_admin_options(CLI::App& command, AdminOptions& options);

// The JSON text that the proxy answers with; the token is of OUTRIGGER_ADMIN_TOKEN. After a
// complaint the exit code: kExitUnreachable when nobody answers, kExitFailure for a refusal.
std::expected<std::string, int> ask(const AdminOptions& options, const AdminRequest& request);

}  // namespace outrigger::cli
