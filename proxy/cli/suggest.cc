#include "proxy/cli/suggest.h"

#include <fmt/format.h>

#include "config/suggest.h"

namespace outrigger::cli {

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  const std::string_view found = config::nearest(word, {known.begin(), known.end()});
  return found.empty() ? std::string{} : fmt::format("; did you mean \"{}\"?", found);
}

}  // namespace outrigger::cli
