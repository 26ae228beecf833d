#include "proxy/cli/env_variables.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "proxy/cli/banner.h"

namespace outrigger::cli {
namespace {

// What an SDK adds behind its base URL, where that differs from what the profile says of the
// provider.
enum class Adds { kPath, kVersionAndPath };

struct Row {
  std::string_view profile;
  std::string_view variable;
  Adds adds = Adds::kPath;
};

// Providers whose own SDK reads a variable for the base URL. Most use <NAME>_BASE_URL, as we do for
// the rest.
constexpr std::array kRead = {
    Row{"anthropic", "ANTHROPIC_BASE_URL"},
    Row{"azure-openai", "AZURE_OPENAI_ENDPOINT"},
    Row{"cohere", "CO_API_URL"},
    Row{"gemini", "GOOGLE_GEMINI_BASE_URL"},
    Row{"groq", "GROQ_BASE_URL", Adds::kVersionAndPath},
    Row{"ollama", "OLLAMA_HOST"},
    Row{"openai", "OPENAI_BASE_URL"},
    Row{"perplexity", "PERPLEXITY_BASE_URL"},
    Row{"together", "TOGETHER_BASE_URL"},
};

std::string made_from(std::string_view name) {
  std::string variable;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    if (digit && variable.empty()) variable += '_';
    if (letter) {
      variable += static_cast<char>(c & ~0x20);
    } else {
      variable += digit ? c : '_';
    }
  }
  return variable + "_BASE_URL";
}

bool taken(const std::vector<Variable>& variables, std::string_view name) {
  return std::ranges::any_of(variables, [&](const Variable& v) { return v.name == name; });
}

// The SDK's variable goes to the first upstream with its profile; a second is told by its name.
Variable variable_for(const config::Upstream& upstream, std::string url,
                      const std::vector<Variable>& before) {
  const auto row = std::ranges::find(kRead, upstream.profile, &Row::profile);
  if (row == kRead.end() || taken(before, row->variable)) {
    return {made_from(upstream.name), std::move(url)};
  }
  if (row->adds == Adds::kVersionAndPath && url.ends_with(upstream.expected_version)) {
    url.resize(url.size() - upstream.expected_version.size());
  }
  return {std::string(row->variable), std::move(url)};
}

std::string single_quoted(std::string_view text, std::string_view escaped_quote) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += escaped_quote;
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string line(const Variable& variable, Shell shell) {
  switch (shell) {
    case Shell::kPosix:
      return fmt::format("export {}={}\n", variable.name, single_quoted(variable.value, "'\\''"));
    case Shell::kFish:
      return fmt::format("set -gx {} {}\n", variable.name, single_quoted(variable.value, "\\'"));
    case Shell::kPowershell:
      return fmt::format("$env:{} = {}\n", variable.name, single_quoted(variable.value, "''"));
    case Shell::kDocker:
      return fmt::format("{}={}\n", variable.name, variable.value);
    case Shell::kKubernetes:
      return fmt::format("- name: {}\n  value: {}\n", variable.name,
                         single_quoted(variable.value, "''"));
  }
  return {};
}

}  // namespace

std::vector<Variable> base_url_variables(const config::Config& config) {
  std::vector<Variable> variables;
  for (const config::Upstream& upstream : config.upstreams) {
    const std::string url = base_url(config, upstream);
    if (url.empty()) continue;
    Variable variable = variable_for(upstream, url, variables);
    if (!taken(variables, variable.name)) variables.push_back(std::move(variable));
  }
  return variables;
}

std::optional<Shell> parse_shell(std::string_view name) {
  if (name == "bash" || name == "zsh" || name == "sh") return Shell::kPosix;
  if (name == "fish") return Shell::kFish;
  if (name == "powershell") return Shell::kPowershell;
  if (name == "docker") return Shell::kDocker;
  if (name == "k8s") return Shell::kKubernetes;
  return std::nullopt;
}

std::string render(const std::vector<Variable>& variables, Shell shell) {
  std::string text;
  for (const Variable& variable : variables) text += line(variable, shell);
  return text;
}

}  // namespace outrigger::cli
