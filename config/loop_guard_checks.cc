#include "config/loop_guard_checks.h"

#include <fmt/format.h>

#include "config/units.h"

namespace outrigger::config {

void check_loop_guard(const Policies& policies, const std::string& path, Checker& checker) {
  if (!policies.loop_guard || policies.loop_guard->answer_for <= 10min) return;
  checker.warning(
      Code::kSuspicious, path + ".loop_guard.answer_for",
      fmt::format("a request that would go well again, because its cause was mended elsewhere, is "
                  "refused for another {}",
                  print_duration(policies.loop_guard->answer_for)),
      "write 10m or less");
}

}  // namespace outrigger::config
