#include "proxy/cli/completion.h"

#include <algorithm>

#include <fmt/format.h>

#include "config/codes.h"
#include "proxy/cli/help.h"
#include "proxy/http/problem.h"

namespace outrigger::cli {
namespace {

// Closed lists behind positional arguments, by the argument's name.
std::vector<Candidate> values_of(const std::string& positional) {
  std::vector<Candidate> values;
  if (positional == "CODE") {
    for (const auto& info : config::codes()) {
      values.push_back({config::to_string(info.code), std::string(info.title)});
    }
    for (const auto& kind : http::problem_kinds()) {
      values.push_back({std::string(kind.code), std::string(kind.title)});
    }
    for (const char* method : {"GET", "POST", "PUT", "PATCH", "DELETE"}) {
      values.push_back({method, "a request, before its URL"});
    }
  } else if (positional == "SHELL") {
    for (const std::string_view shell : kCompletionShells)
      values.push_back({std::string(shell), {}});
  }
  return values;
}

void collect(const CLI::App& app, const std::string& path, std::vector<CompletionPoint>& into) {
  CompletionPoint point;
  point.path = path;
  for (const CLI::App* command : subcommands(app)) {
    point.commands.push_back({command->get_name(), command->get_description()});
  }
  for (const CLI::Option* option : options(app)) {
    if (option->get_positional()) {
      point.files = point.files || option->get_name(true).ends_with("FILE");
      for (Candidate& value : values_of(option->get_name(true))) {
        point.values.push_back(std::move(value));
      }
    }
    for (const std::string& name : option->get_lnames()) {
      point.options.push_back({"--" + name, option->get_description()});
    }
  }
  into.push_back(std::move(point));
  for (const CLI::App* command : subcommands(app)) {
    collect(*command, path + " " + command->get_name(), into);
  }
}

std::string words(const CompletionPoint& point) {
  std::string text;
  for (const auto* list : {&point.commands, &point.values, &point.options}) {
    for (const Candidate& candidate : *list) text += (text.empty() ? "" : " ") + candidate.word;
  }
  return text;
}

// `" run"|" check"`: the commands that `which` picks, as a shell pattern.
template <class Which>
std::string pattern(const std::vector<CompletionPoint>& points, Which which) {
  std::string text;
  for (const CompletionPoint& point : points) {
    if (which(point)) text += fmt::format("{}\"{}\"", text.empty() ? "" : "|", point.path);
  }
  return text;
}

bool is_command(const CompletionPoint& point) {
  return !point.path.empty();
}
bool takes_file(const CompletionPoint& point) {
  return point.files;
}

std::string bash(const std::vector<CompletionPoint>& points) {
  std::string cases;
  for (const CompletionPoint& point : points) {
    cases += fmt::format("    \"{}\") known=\"{}\" ;;\n", point.path, words(point));
  }
  return fmt::format(
      "# bash completion for outrigger: source <(outrigger completion bash)\n"
      "_outrigger() {{\n"
      "  local current=${{COMP_WORDS[COMP_CWORD]}} at=\"\" known=\"\" i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case \"$at ${{COMP_WORDS[i]}}\" in\n"
      "      {}) at=\"$at ${{COMP_WORDS[i]}}\" ;;\n"
      "    esac\n"
      "  done\n"
      "  case \"$at\" in\n{}"
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$known\" -- \"$current\"))\n"
      "  case \"$at\" in\n"
      "    {}) COMPREPLY+=($(compgen -f -- \"$current\")) ;;\n"
      "  esac\n"
      "}}\n"
      "complete -o filenames -F _outrigger outrigger\n",
      pattern(points, is_command), cases, pattern(points, takes_file));
}

std::string quoted(std::string_view text, std::string_view escaped_quote) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += escaped_quote;
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string zsh(const std::vector<CompletionPoint>& points) {
  std::string cases;
  for (const CompletionPoint& point : points) {
    cases += fmt::format("    \"{}\") known=(", point.path);
    for (const auto* list : {&point.commands, &point.values, &point.options}) {
      for (const Candidate& candidate : *list) {
        cases += "\n      " + quoted(candidate.word + ":" + candidate.meaning, "'\\''");
      }
    }
    cases += ") ;;\n";
  }
  return fmt::format(
      "#compdef outrigger\n"
      "# zsh completion for outrigger: source <(outrigger completion zsh)\n"
      "_outrigger() {{\n"
      "  local at=\"\" i\n"
      "  local -a known\n"
      "  for ((i = 2; i < CURRENT; i++)); do\n"
      "    case \"$at ${{words[i]}}\" in\n"
      "      {}) at=\"$at ${{words[i]}}\" ;;\n"
      "    esac\n"
      "  done\n"
      "  case \"$at\" in\n{}"
      "  esac\n"
      "  _describe outrigger known\n"
      "  case \"$at\" in\n"
      "    {}) _files ;;\n"
      "  esac\n"
      "}}\n"
      "# Called as an autoloaded file of $fpath, it must complete; sourced, it must register.\n"
      "if [ \"$funcstack[1]\" = \"_outrigger\" ]; then\n"
      "  _outrigger \"$@\"\n"
      "else\n"
      "  compdef _outrigger outrigger\n"
      "fi\n",
      pattern(points, is_command), cases, pattern(points, takes_file));
}

// Fish asks a condition a candidate: every word of the path was typed, and none of the commands
// below it.
std::string fish_condition(const CompletionPoint& point) {
  std::string condition = point.path.empty() ? "__fish_use_subcommand" : "";
  for (std::size_t at = 0; at < point.path.size();) {
    const std::size_t end = std::min(point.path.find(' ', at + 1), point.path.size());
    condition += fmt::format("{}__fish_seen_subcommand_from {}", at == 0 ? "" : "; and ",
                             point.path.substr(at + 1, end - at - 1));
    at = end;
  }
  if (!point.path.empty() && !point.commands.empty()) {
    condition += "; and not __fish_seen_subcommand_from";
    for (const Candidate& command : point.commands) condition += " " + command.word;
  }
  return condition;
}

std::string fish(const std::vector<CompletionPoint>& points) {
  std::string text =
      "# fish completion for outrigger: outrigger completion fish | source\n"
      "complete -c outrigger -f\n";
  for (const CompletionPoint& point : points) {
    const std::string head = fmt::format("complete -c outrigger -n '{}'", fish_condition(point));
    for (const auto* list : {&point.commands, &point.values}) {
      for (const Candidate& candidate : *list) {
        text +=
            fmt::format("{} -a {} -d {}\n", head, candidate.word, quoted(candidate.meaning, "\\'"));
      }
    }
    for (const Candidate& option : point.options) {
      text += fmt::format("{} -l {} -d {}\n", head, option.word.substr(2),
                          quoted(option.meaning, "\\'"));
    }
    if (point.files) text += head + " -F\n";
  }
  return text;
}

}  // namespace

std::vector<CompletionPoint> completion_points(const CLI::App& app) {
  std::vector<CompletionPoint> points;
  collect(app, "", points);
  return points;
}

std::string completion_script(const std::vector<CompletionPoint>& points, std::string_view shell) {
  if (shell == "zsh") return zsh(points);
  if (shell == "fish") return fish(points);
  return bash(points);
}

}  // namespace outrigger::cli
