// `outrigger cache`: what a running proxy keeps of answers, and letting some of it go.
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "config/units.h"
#include "proxy/base/json_writer.h"
#include "proxy/base/percent.h"
#include "proxy/cli/admin_command.h"
#include "proxy/cli/command.h"
#include "proxy/cli/terminal.h"

namespace outrigger::cli {
namespace {

using Json = nlohmann::json;

struct Options {
  AdminOptions admin;
  std::string key, tag, upstream, model, older_than;
  bool all = false;
  bool dry_run = false;
  bool yes = false;
};

// ---- stats ----

// null where there is none, whatever it is asked of.
Json member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() ? *found : Json();
}

std::uint64_t number(const Json& object, const char* name) {
  const Json value = member(object, name);
  return value.is_number_unsigned() ? value.get<std::uint64_t>() : 0;
}

// "3.1 MiB": for a person, so rounded.
std::string size_text(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (size >= 1024 && unit + 1 < std::size(kUnits)) {
    size /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", size, kUnits[unit]);
}

std::string table(const Json& cache) {
  constexpr const char* kRow = "{:<8}{:>10}{:>12}{:>12}{:>12}{:>12}{:>10}{:>10}\n";
  std::string text = fmt::format(fmt::runtime(kRow), "TIER", "ENTRIES", "SIZE", "LIMIT", "HITS",
                                 "MISSES", "EVICTED", "EXPIRED");
  for (const char* name : {"memory", "disk"}) {
    const Json tier = member(cache, name);
    const Json left = member(tier, "evictions");
    text += fmt::format(fmt::runtime(kRow), name, number(tier, "entries"),
                        size_text(number(tier, "bytes")), size_text(number(tier, "max_bytes")),
                        number(tier, "hits"), number(tier, "misses"), number(left, "full"),
                        number(left, "expired"));
  }
  const bool disk_wanted = number(member(cache, "disk"), "max_bytes") > 0;
  if (disk_wanted && member(cache, "disk_serves") == false) {
    text += "The disk does not serve; the proxy's log says why.\n";
  }
  return text;
}

int stats(const Options& options) {
  const auto answer = ask(options.admin, {.path = "/api/v1/cache"});
  if (!answer) return answer.error();
  if (options.admin.output == "json") {
    print_out(*answer);
    return kExitFine;
  }
  print_out(table(Json::parse(*answer, nullptr, false)));
  return kExitFine;
}

// ---- purge ----

enum class Mode : std::uint8_t { kCount, kPurge };

std::string order_of(const Options& options) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  const auto add = [&json](std::string_view name, const std::string& value) {
    if (!value.empty()) json.member(name, std::string_view(value));
  };
  add("key", options.key);
  add("tag", options.tag);
  add("upstream", options.upstream);
  add("model", options.model);
  add("older_than", options.older_than);
  if (options.all) json.member("all", true);
  json.end_object();
  return text;
}

std::expected<std::string, int> send(const Options& options, Mode mode) {
  std::string path = "/api/v1/cache/purge";
  if (mode == Mode::kCount) path += "?dry_run=true";
  return ask(options.admin, {.method = "POST", .path = path, .json = order_of(options)});
}

std::string answers(const std::string& answer) {
  const std::uint64_t count = number(Json::parse(answer, nullptr, false), "purged");
  return fmt::format("{} answer{}", count, count == 1 ? "" : "s");
}

// Asked with the number at hand; whatever is not a yes is a no.
bool agreed(const std::string& count) {
  print_error(fmt::format("Purge all {}? [y/N] ", count));
  std::string line;
  std::getline(std::cin, line);
  return line == "y" || line == "Y" || line == "yes";
}

// The exit code when it is not to go on.
std::optional<int> confirm(const Options& options) {
  const bool asks = options.all && !options.yes && !options.dry_run && isatty(STDIN_FILENO) == 1;
  if (!asks) return std::nullopt;
  const auto count = send(options, Mode::kCount);
  if (!count) return count.error();
  if (agreed(answers(*count))) return std::nullopt;
  complain("nothing was purged");
  return kExitFailure;
}

int purge(const Options& options) {
  if (order_of(options) == "{}") {
    complain("nothing says which answers are meant; --all means every one");
    print_error("Try `outrigger cache purge --help`.\n");
    return kExitUsage;
  }
  if (const auto code = confirm(options)) return *code;
  const auto answer = send(options, options.dry_run ? Mode::kCount : Mode::kPurge);
  if (!answer) return answer.error();
  if (options.admin.output == "json") {
    print_out(*answer);
  } else {
    print_out(fmt::format("{} {}\n", options.dry_run ? "would purge" : "purged", answers(*answer)));
  }
  return kExitFine;
}

// ---- what may be said ----

std::string hex_key(const std::string& text) {
  const bool fits =
      text.size() == 64 && std::ranges::all_of(text, [](char c) { return hex_value(c) >= 0; });
  return fits ? std::string() : fmt::format("\"{}\" is not a key of 64 hexadecimal digits", text);
}

std::string age(const std::string& text) {
  if (config::parse_duration(text)) return {};
  return fmt::format("\"{}\" is not a duration, for example 1h", text);
}

std::string something(const std::string& text) {
  return text.empty() ? "an empty text names nothing" : "";
}

void add_purge(CLI::App& cache, Action& chosen) {
  CLI::App& command =
      *cache.add_subcommand("purge", "Let answers go: those for which all that is said holds");
  auto options = std::make_shared<Options>();
  std::vector<CLI::Option*> narrow = {
      command.add_option("--key", options->key, "The answer with this key")
          ->type_name("HEX")
          ->check(hex_key),
      command.add_option("--tag", options->tag, "Answers with this tag")
          ->type_name("TAG")
          ->check(something),
      command.add_option("--upstream", options->upstream, "Answers of this upstream")
          ->type_name("NAME")
          ->check(something),
      command.add_option("--model", options->model, "Answers of this model")
          ->type_name("NAME")
          ->check(something),
      command
          .add_option("--older-than", options->older_than, "Answers stored longer ago than that")
          ->type_name("DURATION")
          ->check(age)};
  CLI::Option* all = command.add_flag("--all", options->all, "Every answer");
  for (CLI::Option* option : narrow) all->excludes(option);
  command.add_flag("--dry-run", options->dry_run, "Only say how many it would be");
  command.add_flag("-y,--yes", options->yes, "Do not ask before --all");
  add_admin_options(command, options->admin);
  command.footer(
      "Examples:\n"
      "  outrigger cache purge --upstream openai --older-than 1h --dry-run\n"
      "  outrigger cache purge --tag summaries\n"
      "  outrigger cache purge --all");
  when_chosen(command, chosen, options, purge);
}

}  // namespace

void add_cache(CLI::App& app, Action& chosen) {
  CLI::App& cache = *app.add_subcommand("cache", "Show or purge the answers that a proxy keeps");
  CLI::App& command = *cache.add_subcommand("stats", "How many answers it keeps, and their use");
  auto options = std::make_shared<Options>();
  add_admin_options(command, options->admin);
  when_chosen(command, chosen, options, stats);
  add_purge(cache, chosen);
  cache.group(kOperating)->require_subcommand(1);  // last: its commands inherit a group
  cache.footer(
      "They ask the admin port of a running proxy. Its token, where it asks for one, is taken "
      "from\nOUTRIGGER_ADMIN_TOKEN.\n\n"
      "Examples:\n"
      "  outrigger cache stats\n"
      "  outrigger cache purge --tag summaries");
}

}  // namespace outrigger::cli
