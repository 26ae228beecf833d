// Reads scripts, as strictly as configurations are read.
#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

#include "config/reporter.h"
#include "config/source.h"
#include "config/suggest.h"
#include "config/units.h"
#include "config/yaml_reader.h"
#include "proxy/mock/script.h"

namespace outrigger::mock {
namespace {

using config::Code;
using config::Member;
using config::Node;
using config::Reporter;

constexpr std::uint32_t kMostTimes = 1'000'000;

class ScriptReader {
 public:
  explicit ScriptReader(Reporter& reporter) : reporter_(reporter) {}

  std::vector<Step> steps(const Node& root) {
    std::vector<Step> steps;
    if (!root.is_list()) {
      reporter_.error(Code::kWrongShape, root, "a script is a list of steps",
                      "write - {match: {path: /v1/models}, fault: \"status=503\"}");
      return steps;
    }
    for (const Member& member : root.members) steps.push_back(step(member.value));
    return steps;
  }

 private:
  Step step(const Node& node) {
    constexpr std::array<std::string_view, 3> kKeys = {"match", "times", "fault"};
    Step step;
    if (!is_map_of(node, kKeys)) return step;
    if (const Member* match = node.find("match")) step.match = match_of(match->value);
    if (const Member* times = node.find("times")) step.times = times_of(times->value);
    if (const Member* fault = node.find("fault")) {
      step.fault = fault_of(fault->value);
    } else {
      reporter_.error(Code::kMissingKey, node, "a step needs \"fault\"",
                      "write \"\" for a healthy answer");
    }
    return step;
  }

  Match match_of(const Node& node) {
    constexpr std::array<std::string_view, 3> kKeys = {"path", "method", "header"};
    Match match;
    if (!is_map_of(node, kKeys)) return match;
    if (const Member* path = node.find("path")) match.path = path_of(path->value);
    if (const Member* method = node.find("method")) match.method = text(method->value);
    if (const Member* header = node.find("header")) match.headers = headers_of(header->value);
    return match;
  }

  std::string path_of(const Node& node) {
    std::string path = text(node);
    if (!path.empty() && !path.starts_with('/'))
      reporter_.error(Code::kPath, node, fmt::format("\"{}\" is not a path", path),
                      "begin with /; a * at the end stands for the rest");
    return path;
  }

  Fields headers_of(const Node& node) {
    Fields headers;
    if (!node.is_map()) {
      reporter_.error(Code::kWrongShape, node, "\"header\" takes names and values",
                      "write {x-tenant: blue}");
      return headers;
    }
    for (const Member& member : node.members) headers.emplace_back(member.key, text(member.value));
    return headers;
  }

  std::optional<std::uint32_t> times_of(const Node& node) {
    const std::string written = text(node);
    if (written == "always") return std::nullopt;
    const auto times = config::parse_integer(written);
    if (!times || *times == 0 || *times > kMostTimes) {
      reporter_.error(Code::kNumber, node, fmt::format("{} is not a number of times", node.quote()),
                      fmt::format("write 1 to {}, or always", kMostTimes));
      return 1;
    }
    return static_cast<std::uint32_t>(*times);
  }

  Fault fault_of(const Node& node) {
    const std::string written = text(node);
    auto fault = parse_fault(written);
    if (fault) return std::move(*fault);
    config::Place place = node.place;
    place.column += static_cast<std::uint32_t>(fault.error().offset + (node.quoted ? 1 : 0));
    reporter_.error(Code::kText, place, fault.error().message,
                    {.hint = "outrigger mock --faults lists all"});
    return {};
  }

  std::string text(const Node& node) {
    if (node.is_scalar()) return node.text;
    reporter_.error(Code::kWrongShape, node, fmt::format("{} where a text belongs", node.quote()));
    return {};
  }

  bool is_map_of(const Node& node, std::span<const std::string_view> keys) {
    if (!node.is_map()) {
      reporter_.error(Code::kWrongShape, node,
                      fmt::format("{} where a block of keys belongs", node.quote()));
      return false;
    }
    for (const Member& member : node.members) {
      if (std::ranges::find(keys, member.key) != keys.end()) continue;
      const std::string_view near = config::nearest(member.key, {keys.begin(), keys.end()});
      reporter_.error(Code::kUnknownKey, member.key_place,
                      fmt::format("unknown key \"{}\" in a script", member.key),
                      {.hint = near.empty() ? "" : fmt::format("did you mean \"{}\"?", near),
                       .width = member.key.size()});
    }
    return true;
  }

  Reporter& reporter_;
};

}  // namespace

std::expected<Script, std::string> read_script(const std::string& name, std::string text) {
  const config::Source source(name, std::move(text));
  Reporter reporter;
  std::vector<Step> steps;
  if (const auto root = config::read_yaml(source, reporter))
    steps = ScriptReader(reporter).steps(*root);
  const std::vector<config::Diagnostic> found = reporter.finish();
  if (config::has_errors(found)) return std::unexpected(config::render(found, /*colour=*/false));
  return Script(std::move(steps));
}

}  // namespace outrigger::mock
