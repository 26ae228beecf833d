// `outrigger config show|schema|reference`: the configuration in force and what may be written in
// it.
#include "config/reference.h"
#include "config/schema.h"
#include "config/show.h"
#include "proxy/cli/command.h"
#include "proxy/cli/config_source.h"
#include "proxy/cli/terminal.h"

namespace outrigger::cli {
namespace {

struct ShowFlags {
  std::string file;
  bool origins = false;
  bool defaults = false;
};

int show(const ShowFlags& flags) {
  const ConfigSource source = find_config(flags.file);
  const config::Loaded loaded = load_or_complain(source);
  if (!loaded.config) return kExitConfig;
  if (source.file.empty()) complain("these are the built-in providers: " + source.why);
  config::ShowOptions options;
  if (flags.origins) options.origins = config::ShowOrigins::kShown;
  if (flags.defaults) options.defaults = config::ShowDefaults::kShown;
  print_out(config::show(loaded, options));
  return kExitFine;
}

void add_show(CLI::App& config, Action& chosen) {
  CLI::App& command = *config.add_subcommand(
      "show", "The configuration with defaults and profiles merged in, secrets hidden");
  auto flags = std::make_shared<ShowFlags>();
  add_config_argument(command, flags->file);
  command.add_flag("--origins", flags->origins, "Say of each value where it was written");
  command.add_flag("--defaults", flags->defaults, "Show also the values that nobody wrote");
  command.footer("Example:\n  outrigger config show --origins --defaults | less");
  when_chosen(command, chosen, flags, show);
}

struct Nothing {};

}  // namespace

void add_config(CLI::App& app, Action& chosen) {
  CLI::App& command = *app.add_subcommand(
      "config", "Show the configuration in force, its JSON Schema or its reference");
  add_show(command, chosen);
  CLI::App& schema = *command.add_subcommand("schema", "The JSON Schema, for editors");
  schema.footer(
      "Write it beside the file and name it in the first line, and editors complete and check "
      "keys:\n"
      "  outrigger config schema > outrigger.schema.json\n"
      "  # yaml-language-server: $schema=outrigger.schema.json");
  when_chosen(schema, chosen, std::make_shared<Nothing>(), [](const Nothing&) {
    print_out(config::json_schema());
    return static_cast<int>(kExitFine);
  });
  CLI::App& reference = *command.add_subcommand("reference", "Every key, as a Markdown page");
  when_chosen(reference, chosen, std::make_shared<Nothing>(), [](const Nothing&) {
    print_out(config::reference_markdown());
    return static_cast<int>(kExitFine);
  });
  command.group(kConfiguring)->require_subcommand(1);  // last: its commands inherit a group
}

}  // namespace outrigger::cli
