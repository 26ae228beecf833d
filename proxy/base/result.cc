#include "proxy/base/result.h"

namespace outrigger {

std::string_view to_string(Errc code) noexcept {
  switch (code) {
    case Errc::kCancelled:
      return "cancelled";
    case Errc::kTimeout:
      return "timeout";
    case Errc::kResolve:
      return "resolve";
    case Errc::kDestination:
      return "destination";
    case Errc::kConnect:
      return "connect";
    case Errc::kTls:
      return "tls";
    case Errc::kReset:
      return "reset";
    case Errc::kClosed:
      return "closed";
    case Errc::kProtocol:
      return "protocol";
    case Errc::kTooLarge:
      return "too_large";
    case Errc::kOverload:
      return "overload";
    case Errc::kConfig:
      return "config";
    case Errc::kSystem:
      return "system";
    case Errc::kInternal:
      return "internal";
  }
  return "internal";
}

std::string_view to_string(Origin origin) noexcept {
  switch (origin) {
    case Origin::kClient:
      return "client";
    case Origin::kUpstream:
      return "upstream";
    case Origin::kProxy:
      return "proxy";
  }
  return "proxy";
}

std::string_view to_string(Phase phase) noexcept {
  constexpr std::string_view kNames[] = {"P0", "P1", "P2", "P3", "P4", "P5"};
  return kNames[static_cast<std::size_t>(phase)];
}

}  // namespace outrigger
