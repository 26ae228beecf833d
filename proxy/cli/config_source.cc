#include "proxy/cli/config_source.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "config/diagnostics.h"
#include "proxy/cli/terminal.h"

namespace outrigger::cli {
namespace {

constexpr const char* kDefaultFile = "outrigger.yaml";

// One byte above the limit is enough for the loader to refuse it.
std::string read_standard_input() {
  std::string text(config::kMaxFileBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), stdin));
  return text;
}

}  // namespace

ConfigSource find_config(const std::string& argument) {
  if (!argument.empty()) return {argument, {}};
  const char* variable = std::getenv("OUTRIGGER_CONFIG");
  if (variable != nullptr && *variable != '\0') return {variable, "OUTRIGGER_CONFIG is set"};
  // A file that is there but cannot be read must be complained about, not passed over.
  std::error_code error;
  const auto status = std::filesystem::status(kDefaultFile, error);
  if (status.type() != std::filesystem::file_type::not_found) {
    return {kDefaultFile, "it is in this folder"};
  }
  return {{}, "no FILE, no OUTRIGGER_CONFIG and no outrigger.yaml in this folder"};
}

void add_config_argument(CLI::App& command, std::string& file, const char* meaning) {
  auto* positional = command.add_option("FILE", file, meaning);
  auto* option = command.add_option("-c,--config", file, "The same as FILE")->type_name("FILE");
  positional->excludes(option);
}

config::Loaded load(const ConfigSource& source) {
  const config::Environment environment = config::Environment::process();
  if (source.file.empty()) return config::built_in(environment);
  if (source.file == "-") return config::load_text(read_standard_input(), "<stdin>", environment);
  return config::load_file(source.file, environment);
}

config::Loaded load_or_complain(const ConfigSource& source) {
  config::Loaded loaded = load(source);
  print_error(config::render(loaded.diagnostics, wants_colour(stderr)));
  return loaded;
}

}  // namespace outrigger::cli
