// `outrigger classify`: what an answer that somebody pastes would be taken for, and why.
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "config/profiles.h"
#include "proxy/cli/answer_report.h"
#include "proxy/cli/command.h"
#include "proxy/cli/config_source.h"
#include "proxy/cli/input.h"
#include "proxy/cli/suggest.h"
#include "proxy/cli/terminal.h"

namespace outrigger::cli {
namespace {

struct Options {
  std::string answer;  // a file; empty or "-": standard input
  std::string upstream, route, profile, config, output = "text";
  int status = 0;
  bool in_stream = false;
};

// Whose answer it is: the policies that judge it, and their place in the configuration.
struct Judge {
  config::Loaded loaded;
  const config::Policies* policies = nullptr;
  std::string path;  // "upstreams.openai.routes[0]"
};

// "a, b or c".
std::string one_of(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += i == 0 ? "" : i + 1 == names.size() ? " or " : ", ";
    text += names[i];
  }
  return text;
}

int unknown(std::string_view kind, const std::string& name, const std::vector<std::string>& known) {
  complain(fmt::format("there is no {} \"{}\"{}", kind, name, did_you_mean(name, known)));
  if (!known.empty()) print_error(fmt::format("It is {}.\n", one_of(known)));
  return kExitUsage;
}

// A built-in profile, as an upstream that uses it and says nothing more would have it.
int take_profile(const std::string& name, Judge& judge) {
  std::vector<std::string> known;
  for (const config::BuiltInProfile& profile : config::built_in_profiles()) {
    known.emplace_back(profile.name);
  }
  if (std::ranges::find(known, name) == known.end()) return unknown("profile", name, known);
  judge.loaded = config::load_text(
      fmt::format("version: 1\nupstreams:\n  {0}: {{use: {0}, url: \"https://example.com\"}}\n",
                  name),
      "<profile>", config::Environment::process());
  judge.path = "upstreams." + name;
  if (!judge.loaded.config) return kExitFailure;
  judge.policies = &judge.loaded.config->upstreams.at(0).policies;
  return kExitFine;
}

int take_route(const config::Upstream& upstream, const std::string& name, Judge& judge) {
  std::vector<std::string> known;
  for (const config::Route& route : upstream.routes) known.push_back(route.name);
  const auto found = std::ranges::find(known, name);
  if (found == known.end()) return unknown("route", name, known);
  const auto index = static_cast<std::size_t>(found - known.begin());
  judge.policies = &upstream.routes[index].policies;
  judge.path += fmt::format(".routes[{}]", index);
  return kExitFine;
}

int take_upstream(const Options& options, Judge& judge) {
  judge.loaded = load_or_complain(find_config(options.config));
  if (!judge.loaded.config) return kExitConfig;
  const auto& upstreams = judge.loaded.config->upstreams;
  std::vector<std::string> known;
  for (const config::Upstream& upstream : upstreams) known.push_back(upstream.name);
  if (options.upstream.empty() && upstreams.size() != 1) {
    complain("whose answer is it? Add --upstream or --profile");
    print_error(fmt::format("The upstreams are {}.\n", one_of(known)));
    return kExitUsage;
  }
  const auto found = options.upstream.empty()
                         ? upstreams.begin()
                         : std::ranges::find(upstreams, options.upstream, &config::Upstream::name);
  if (found == upstreams.end()) return unknown("upstream", options.upstream, known);
  judge.policies = &found->policies;
  judge.path = "upstreams." + found->name;
  return options.route.empty() ? int{kExitFine} : take_route(*found, options.route, judge);
}

Result<std::string> read_answer(const std::string& file) {
  const bool standard = file.empty() || file == "-";
  if (standard && isatty(STDIN_FILENO) == 1) print_error("Paste the answer, then press Ctrl-D.\n");
  return read_input(standard ? "-" : file);
}

// Where the rule was written: the first of its values that is known.
std::string place_of(const Judge& judge, int rule) {
  if (rule < 0) return {};
  const std::string path = fmt::format("{}.classify[{}]", judge.path, rule);
  const config::Position* first = nullptr;
  for (auto it = judge.loaded.origins.lower_bound(path);
       it != judge.loaded.origins.end() && it->first.starts_with(path); ++it) {
    const config::Position& at = it->second.position;
    const bool earlier =
        first == nullptr || std::tie(at.line, at.column) < std::tie(first->line, first->column);
    if (earlier) first = &at;
  }
  if (first == nullptr) return "built in";
  return fmt::format("{}:{}:{}", first->file, first->line, first->column);
}

double wall_seconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

// In the form CLI11 wants (flags.h).
std::string status_code(const std::string& text) {
  const bool digits =
      text.size() == 3 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (digits && text.front() >= '1' && text.front() <= '5') return {};
  return fmt::format("\"{}\" is no status: write 100 to 599", text);
}

int classify(const Options& options) {
  Judge judge;
  const int whose = options.profile.empty() ? take_upstream(options, judge)
                                            : take_profile(options.profile, judge);
  if (whose != kExitFine) return whose;
  const Result<std::string> text = read_answer(options.answer);
  if (!text) {
    complain(text.error().detail);
    return kExitFailure;
  }
  const auto status = options.status == 0 ? std::nullopt : std::optional(options.status);
  const Result<PastedAnswer> answer =
      read_pasted(*text, status, options.in_stream ? PasteKind::kStream : PasteKind::kAnswer);
  if (!answer) {
    complain(answer.error().detail);
    return kExitUsage;
  }
  const filters::Judgement judgement = judge_pasted(*judge.policies, *answer, wall_seconds());
  const AnswerReport report{*answer, judgement, judge.policies->classify.size(),
                            place_of(judge, judgement.rule),
                            repeats_after(*judge.policies, judgement)};
  print_out(options.output == "json" ? print_json(report) : print_text(report));
  return kExitFine;
}

}  // namespace

void add_classify(CLI::App& app, Action& chosen) {
  CLI::App& command =
      *app.add_subcommand("classify", "Say what an answer of an upstream is taken for, and why");
  command.group(kLearning);
  auto options = std::make_shared<Options>();
  command.add_option("ANSWER_FILE", options->answer,
                     "What `curl -i` printed, or a body; without it, or as -, standard input");
  auto* upstream = command.add_option("-u,--upstream", options->upstream,
                                      "The upstream of the configuration that answered");
  upstream->type_name("NAME");
  command.add_option("--route", options->route, "The route of that upstream, by its name")
      ->type_name("NAME")
      ->needs(upstream);
  auto* profile = command.add_option("-p,--profile", options->profile,
                                     "The built-in profile to judge by, such as openai or http");
  profile->type_name("NAME")->excludes(upstream);
  command.add_option("-c,--config", options->config, kOrBuiltIn)
      ->type_name("FILE")
      ->excludes(profile);
  command.add_option("-s,--status", options->status, "The status, of a body without its head")
      ->type_name("CODE")
      ->check(status_code);
  command.add_flag("--in-stream", options->in_stream,
                   "It is an error event in a stream that began with a success");
  command.add_option("-o,--output", options->output, "text or json")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"text", "json"}));
  command.footer(
      "Prints the verdict, the rule that gave it, the provider's error and wait, and whether the\n"
      "retry policy would send the request again. Calls nobody.\n\n"
      "Examples:\n"
      "  curl -si https://api.openai.com/v1/models | outrigger classify -p openai\n"
      "  echo '{\"error\":{\"code\":\"insufficient_quota\"}}' | outrigger classify -p llm -s 429\n"
      "  outrigger classify -c outrigger.yaml -u erp -o json answer.txt");
  when_chosen(command, chosen, options, classify);
}

}  // namespace outrigger::cli
