// The variables that point SDKs at the proxy, as text for a shell. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace outrigger::cli {

struct Variable {
  std::string name;
  std::string value;
};

// One an upstream, in the order of the configuration: the variable that the provider's own SDK
// reads (OPENAI_BASE_URL), or `<NAME>_BASE_URL`. No two have the same name.
std::vector<Variable> base_url_variables(const config::Config& config);

enum class Shell { kPosix, kFish, kPowershell, kDocker, kKubernetes };

// "bash", "zsh", "sh", "fish", "powershell", "docker" (--env-file), "k8s" (a container's env:).
std::optional<Shell> parse_shell(std::string_view name);

std::string render(const std::vector<Variable>& variables, Shell shell);

}  // namespace outrigger::cli
