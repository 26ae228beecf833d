// `outrigger explain`: the two tables of codes, of the configuration and of problem answers, for
// people.
#include <algorithm>
#include <cctype>
#include <vector>

#include <fmt/format.h>

#include "config/codes.h"
#include "proxy/cli/command.h"
#include "proxy/cli/suggest.h"
#include "proxy/cli/terminal.h"
#include "proxy/http/problem.h"

namespace outrigger::cli {
namespace {

constexpr std::size_t kWidth = 90;

struct Options {
  std::string code;
};

std::string explain(const config::CodeInfo& info) {
  return fmt::format("{}: {}\n\n{}\nWhat to do:\n{}", config::to_string(info.code), info.title,
                     wrap(info.explanation, kWidth), wrap(info.mend, kWidth, "  "));
}

std::string explain(const http::ProblemKind& kind) {
  return fmt::format(
      "{}: {}\n\n{}\nWhat to do:\n{}\n"
      "Answered with status {}, type urn:outrigger:error:{},\nand Proxy-Status: outrigger; "
      "error={}\n",
      kind.code, kind.title, wrap(kind.explanation, kWidth), wrap(kind.mend, kWidth, "  "),
      kind.status, kind.code, kind.proxy_error);
}

std::string list() {
  std::string text = "Configuration (outrigger check):\n";
  for (const config::CodeInfo& info : config::codes()) {
    text += fmt::format("  {:<34} {}\n", config::to_string(info.code), info.title);
  }
  text += "\nAnswers of the proxy (error.code, Proxy-Status, access log):\n";
  for (const http::ProblemKind& kind : http::problem_kinds()) {
    text += fmt::format("  {:<34} {} {}\n", kind.code, kind.status, kind.title);
  }
  return text;
}

// As people paste it: in upper case, or the whole problem type.
std::string normalised(std::string code) {
  constexpr std::string_view kType = "urn:outrigger:error:";
  std::ranges::transform(code, code.begin(), [](unsigned char c) { return std::tolower(c); });
  if (code.starts_with(kType)) code.erase(0, kType.size());
  return code;
}

int complain_about(const std::string& code) {
  std::vector<std::string> known;
  for (const config::CodeInfo& info : config::codes())
    known.push_back(config::to_string(info.code));
  for (const http::ProblemKind& kind : http::problem_kinds()) known.emplace_back(kind.code);
  complain(fmt::format("there is no code \"{}\"{}", code, did_you_mean(code, known)));
  print_error("`outrigger explain` lists all codes.\n");
  return kExitUsage;
}

int perform(const Options& options) {
  if (options.code.empty()) {
    print_out(list());
    return kExitFine;
  }
  if (const config::CodeInfo* info = config::find_code(options.code)) {
    print_out(explain(*info));
    return kExitFine;
  }
  if (const http::ProblemKind* kind = http::find_problem_kind(normalised(options.code))) {
    print_out(explain(*kind));
    return kExitFine;
  }
  return complain_about(options.code);
}

}  // namespace

void add_explain(CLI::App& app, Action& chosen) {
  CLI::App& command = *app.add_subcommand("explain", "Say what an error code means and what to do");
  command.group(kLearning);
  auto options = std::make_shared<Options>();
  command.add_option("CODE", options->code, "A code; all are listed without it");
  command.footer(
      "Codes are in the findings of `outrigger check` (OUT-110), and in `error.code`, `type`,\n"
      "Proxy-Status and the access log of answers that the proxy made itself.\n\n"
      "Examples:\n"
      "  outrigger explain OUT-110\n"
      "  outrigger explain connection_refused");
  when_chosen(command, chosen, options, perform);
}

}  // namespace outrigger::cli
