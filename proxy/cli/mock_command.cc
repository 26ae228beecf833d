// `outrigger mock`: an upstream that misbehaves as it is told, to try policies on.
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

#include <fmt/format.h>

#include "config/address.h"
#include "proxy/cli/command.h"
#include "proxy/cli/flags.h"
#include "proxy/cli/terminal.h"
#include "proxy/mock/mock_server.h"
#include "proxy/signals.h"
#include "proxy/startup.h"

namespace outrigger::cli {
namespace {

struct Options {
  std::string listen = "127.0.0.1:4179";
  std::string script;
  std::string fault;
  std::uint64_t seed = 1;
  bool quiet = false;
  bool list = false;
};

std::string fault_text(const std::string& text) {
  const auto fault = mock::parse_fault(text);
  return fault ? std::string{} : mock::to_string(fault.error());
}

void list_faults() {
  for (const mock::FaultWord& word : mock::fault_words())
    print_out(fmt::format("  {:<24} {}\n", word.form, word.meaning));
}

// Exit code, when the script cannot be used.
std::optional<int> load_script(const std::string& file, mock::Script& script) {
  if (file.empty()) return std::nullopt;
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) {
    complain(fmt::format("cannot read {}: {}", file, std::strerror(errno)));
    return kExitFailure;
  }
  auto read = mock::read_script(file, text.str());
  if (!read) {
    print_error(read.error());
    return kExitConfig;
  }
  script = std::move(*read);
  return std::nullopt;
}

std::string line(const mock::Hit& hit) {
  return fmt::format("{} {}{}{} -> {} {}{}\n", hit.method, hit.path, hit.fault.empty() ? "" : "  ",
                     hit.fault, hit.status == 0 ? "nothing" : std::to_string(hit.status),
                     hit.outcome, hit.client_gone ? ", the client left" : "");
}

// What was counted, for the end.
class Counts {
 public:
  void add(const mock::Hit& hit) { ++outcomes_[hit.outcome]; }
  [[nodiscard]] std::string text(std::uint64_t total) const {
    std::string text = fmt::format("{} requests", total);
    for (const auto& [outcome, count] : outcomes_)
      text += fmt::format("{} {} {}", text.ends_with("requests") ? ":" : ",", count, outcome);
    return text + "\n";
  }

 private:
  std::map<std::string, std::uint64_t> outcomes_;
};

void say(const std::string& text) {
  print_out(text);
  std::fflush(stdout);  // whoever reads a pipe wants it now
}

int serve(Fd listening, mock::MockOptions options, const Options& flags) {
  EventLoop loop;
  Counts counts;
  options.on_done = [&](const mock::Hit& hit) {
    counts.add(hit);
    if (!flags.quiet) say(line(hit));
  };
  const Signals signals(loop, [&loop](int) { loop.stop(); });
  const std::string address = local_address(listening).to_string();
  const mock::MockServer server(loop, std::move(listening), std::move(options));
  say(fmt::format("outrigger mock: http://{}    what came: http://{}/mock/requests\n", address,
                  address));
  loop.run();
  say(counts.text(server.ledger().total()));
  return kExitFine;
}

int perform(const Options& flags) {
  if (flags.list) {
    list_faults();
    return kExitFine;
  }
  mock::MockOptions options;
  options.seed = flags.seed;
  options.otherwise = mock::parse_fault(flags.fault).value_or(mock::Fault{});
  if (const auto code = load_script(flags.script, options.script)) return *code;
  const auto parsed = config::parse_listen_address(flags.listen);
  if (!parsed) return kExitUsage;  // the option was checked
  const Result<SocketAddress> address = to_address(*parsed);
  if (!address) {
    complain(address.error().detail);
    return kExitFailure;
  }
  Signals::block();
  Result<Fd> listening = bind_listener(*address, ReusePort::kNo);
  if (!listening) {
    complain(listening.error().detail);
    return kExitFailure;
  }
  return serve(std::move(*listening), std::move(options), flags);
}

}  // namespace

void add_mock(CLI::App& app, Action& chosen) {
  CLI::App& command =
      *app.add_subcommand("mock", "Serve an upstream that misbehaves, to try policies on");
  command.group(kTrying);
  auto options = std::make_shared<Options>();
  command.add_option("--listen", options->listen, "Where it answers (default 127.0.0.1:4179)")
      ->type_name("HOST:PORT")
      ->check(listen_address);
  command.add_option("--script", options->script, "Which requests meet which faults, in YAML")
      ->type_name("FILE");
  command
      .add_option("--fault", options->fault,
                  "The fault of requests for which nothing else says one")
      ->type_name("FAULT")
      ->check(fault_text);
  command.add_option("--seed", options->seed, "Of identifiers and of faults by chance (default 1)")
      ->type_name("N");
  command.add_flag("--quiet", options->quiet, "No line for each request");
  command.add_flag("--faults", options->list, "List all faults");
  command.footer(
      "It answers as OpenAI, Anthropic, Gemini, Bedrock, Cohere, Ollama, Stripe and others do, by\n"
      "the path; HTTP/1 and HTTP/2 with prior knowledge. A request chooses its fault with the\n"
      "field Mock-Fault or ?mock=; then the script is asked, then --fault.\n"
      "GET /mock/requests tells what came, POST /mock/script replaces the script, and\n"
      "POST /mock/reset forgets.\n\n"
      "A script is a list, used up from the top:\n"
      "  - {match: {path: /v1/messages, method: POST}, times: 2, fault: status=529}\n"
      "  - {times: always, fault: \"fail=10%:reset\"}\n\n"
      "Examples:\n"
      "  outrigger mock --fault 'fail-first=2:503;retry-after=1'\n"
      "  outrigger mock --script flaky.yaml\n"
      "  curl 'http://127.0.0.1:4179/v1/models?mock=status=429;retry-after=2'");
  when_chosen(command, chosen, options, perform);
}

}  // namespace outrigger::cli
