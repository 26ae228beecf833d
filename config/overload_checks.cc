#include "config/overload_checks.h"

#include <fmt/format.h>

namespace outrigger::config {
namespace {

void check_marks(const std::optional<Watermarks>& marks, std::string_view name, Checker& checker) {
  if (!marks) return;
  const std::string path = fmt::format("server.overload.{}", name);
  if (marks->soft > marks->hard) {
    const bool at_soft = checker.has(path + ".soft");
    checker.error(Code::kInconsistent, path + (at_soft ? ".soft" : ".hard"),
                  fmt::format("{}.soft ({:.0f}%) lies above hard ({:.0f}%)", name,
                              marks->soft * 100, marks->hard * 100),
                  "make hard at least as high");
  } else if (marks->hard >= 1) {
    checker.warning(Code::kSuspicious, path + ".hard",
                    fmt::format("{}.hard (100%) comes too late: there is nothing left then", name),
                    "write 95% or less, or none");
  }
}

}  // namespace

void check_overload(const Overload& overload, Checker& checker) {
  check_marks(overload.memory, "memory", checker);
  check_marks(overload.descriptors, "descriptors", checker);
}

}  // namespace outrigger::config
