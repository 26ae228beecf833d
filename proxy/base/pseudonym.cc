#include "proxy/base/pseudonym.h"

#include <string>

#include <fmt/format.h>

#include "proxy/base/random.h"

namespace outrigger {

std::string_view pseudonym() noexcept {
  static const std::string name = fmt::format("outrigger-{:08x}", secure_seed() & 0xffffffff);
  return name;
}

}  // namespace outrigger
