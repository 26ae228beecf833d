// `outrigger check`: the loader's diagnostics, for people, editors and CI.
#include <fmt/format.h>

#include "config/diagnostics.h"
#include "proxy/cli/command.h"
#include "proxy/cli/config_source.h"
#include "proxy/cli/terminal.h"

namespace outrigger::cli {
namespace {

struct Options {
  std::string file;
  bool json = false;
  bool strict = false;
  bool quiet = false;
};

std::string praise(const config::Config& config) {
  std::size_t routes = 0;
  for (const config::Upstream& upstream : config.upstreams) routes += upstream.routes.size();
  return fmt::format("{}: ok, {} upstream{}, {} route{}, content {}\n", config.source,
                     config.upstreams.size(), config.upstreams.size() == 1 ? "" : "s", routes,
                     routes == 1 ? "" : "s", config.hash);
}

int check(const Options& options) {
  const ConfigSource source = find_config(options.file);
  if (source.file.empty()) {
    complain("nothing to check: " + source.why);
    return kExitUsage;
  }
  const config::Loaded loaded = load(source);
  const bool bad =
      config::has_errors(loaded.diagnostics) || (options.strict && !loaded.diagnostics.empty());
  if (options.json) {
    print_out(config::render_json(loaded.diagnostics));
  } else {
    print_out(config::render(loaded.diagnostics, wants_colour(stdout)));
    if (!bad && !options.quiet && loaded.config) print_out(praise(*loaded.config));
  }
  return bad ? kExitConfig : kExitFine;
}

}  // namespace

void add_check(CLI::App& app, Action& chosen) {
  CLI::App& command = *app.add_subcommand("check", "Say what is wrong with a configuration file");
  command.group(kConfiguring);
  auto options = std::make_shared<Options>();
  add_config_argument(command, options->file, kOrNone);
  command.add_flag("--json", options->json, "Print the findings as a JSON array");
  command.add_flag("--strict", options->strict, "Treat warnings as errors");
  command.add_flag("-q,--quiet", options->quiet, "Print nothing when all is well");
  command.footer(
      "Reads the file and what it refers to (variables, secrets, certificates); opens no port and\n"
      "calls no upstream. Exit code 3 when something is wrong.\n\n"
      "Examples:\n"
      "  outrigger check outrigger.yaml\n"
      "  outrigger check --strict --json outrigger.yaml    in CI");
  when_chosen(command, chosen, options, check);
}

}  // namespace outrigger::cli
