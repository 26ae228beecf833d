// `outrigger explain`: what a code means, from the two tables of the configuration and of problem
// answers; or what the proxy would do with a request (explain_request.h).
#include <algorithm>
#include <cctype>
#include <vector>

#include <fmt/format.h>

#include "config/codes.h"
#include "proxy/cli/command.h"
#include "proxy/cli/config_source.h"
#include "proxy/cli/explain_request.h"
#include "proxy/cli/suggest.h"
#include "proxy/cli/terminal.h"
#include "proxy/http/problem.h"

namespace outrigger::cli {
namespace {

constexpr std::size_t kWidth = 90;

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

int explain_code(const std::string& code) {
  if (const config::CodeInfo* info = config::find_code(code)) {
    print_out(explain(*info));
    return kExitFine;
  }
  if (const http::ProblemKind* kind = http::find_problem_kind(normalised(code))) {
    print_out(explain(*kind));
    return kExitFine;
  }
  return complain_about(code);
}

int incomplete(const std::string& message) {
  complain(message);
  print_error("Try `outrigger explain --help`.\n");
  return kExitUsage;
}

// One word is a code, two are a request.
int perform(const ExplainOptions& options) {
  if (!options.second.empty()) return explain_request(options);
  const std::string& word = options.first;
  if (word.contains('/')) {
    return incomplete(fmt::format("which method? Write outrigger explain POST {}", word));
  }
  const bool method = http::method_of(word) != http::Method::kOther;
  if (method) return incomplete(fmt::format("which URL? Write outrigger explain {} URL", word));
  if (!options.headers.empty() || options.body || !options.config.empty()) {
    return incomplete("-H, -d and -c belong to a request: outrigger explain METHOD URL");
  }
  if (options.json || options.defaults) {
    return incomplete("--json and --defaults belong to a request: outrigger explain METHOD URL");
  }
  if (!word.empty()) return explain_code(word);
  print_out(list());
  return kExitFine;
}

}  // namespace

void add_explain(CLI::App& app, Action& chosen) {
  CLI::App& command = *app.add_subcommand(
      "explain", "Say what a code means, or what would become of a request, and why");
  command.group(kLearning);
  auto options = std::make_shared<ExplainOptions>();
  command.add_option("CODE", options->first,
                     "A code; all are listed without it. Before a URL the request's method");
  command.add_option("URL", options->second, "Of a request, as an agent would send it");
  command.add_option("-H,--header", options->headers, "A header of the request; may be repeated")
      ->type_name("'NAME: VALUE'")
      ->allow_extra_args(false);
  command
      .add_option_function<std::string>(
          "-d,--data", [options](const std::string& body) { options->body = body; },
          "The request's body; @FILE reads it from a file, @- from standard input")
      ->type_name("BODY");
  command.add_option("-c,--config", options->config, kOrBuiltIn)->type_name("FILE");
  command.add_flag("--json", options->json, "Print the request's way as JSON");
  command.add_flag("--defaults", options->defaults, "Show also the values that nobody wrote");
  command.footer(
      "Codes are in the findings of `outrigger check` (OUT-110), and in `error.code`, `type`,\n"
      "Proxy-Status and the access log of answers that the proxy made itself.\n\n"
      "Of a request it prints the upstream and the route that it takes and why, what is sent, "
      "every\n"
      "policy in force with the place where it was written, and what would happen after an "
      "attempt\n"
      "with each verdict: retries, waits, breaker, cooldown, fallback, answer. Calls nobody. A "
      "body\n"
      "without a Content-Type counts as JSON. Exit code 1 where no upstream would get the "
      "request.\n\n"
      "Examples:\n"
      "  outrigger explain OUT-110\n"
      "  outrigger explain connection_refused\n"
      "  outrigger explain POST http://127.0.0.1:4170/openai/v1/responses -d "
      "'{\"model\":\"gpt-5\"}'\n"
      "  outrigger explain GET /erp/orders -H 'Outrigger-Deadline: 20s' --json");
  when_chosen(command, chosen, options, perform);
}

}  // namespace outrigger::cli
