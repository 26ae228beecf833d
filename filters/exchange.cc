#include "filters/exchange.h"

namespace outrigger::filters {

std::string_view to_string(Source source) noexcept {
  constexpr std::string_view kNames[] = {"upstream", "cache",   "idempotency",
                                         "fallback", "circuit", "proxy"};
  return kNames[static_cast<std::size_t>(source)];
}

}  // namespace outrigger::filters
