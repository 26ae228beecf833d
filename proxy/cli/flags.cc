#include "proxy/cli/flags.h"

#include <fmt/format.h>

#include "config/address.h"
#include "config/units.h"

namespace outrigger::cli {

std::string listen_address(const std::string& text) {
  const auto address = config::parse_listen_address(text);
  if (address) return {};
  return fmt::format("\"{}\" {}{}{}", text, address.error().message,
                     address.error().hint.empty() ? "" : "; ", address.error().hint);
}

std::string worker_count(const std::string& text) {
  if (text == "auto") return {};
  const auto count = config::parse_integer(text);
  if (count && *count >= 1 && *count <= 1024) return {};
  return fmt::format("\"{}\" is not a number of workers; write auto or 1 to 1024", text);
}

}  // namespace outrigger::cli
