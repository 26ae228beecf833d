// "Did you mean" for the command line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace outrigger::cli {

// `; did you mean "check"?` when a known word is near enough to be meant, else nothing.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

}  // namespace outrigger::cli
