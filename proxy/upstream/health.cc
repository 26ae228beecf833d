#include "proxy/upstream/health.h"

#include <algorithm>

namespace outrigger::upstream {

bool PassiveEjection::on_failure(TimePoint now) noexcept {
  if (!policy_) return false;
  ++failures_;
  const bool on_trial = ejections_ > 0;
  if (ejected(now) || (!on_trial && failures_ < policy_->connect_failures)) return false;
  Duration length = policy_->eject;
  for (std::uint32_t i = 0; i < ejections_ && length < policy_->max_eject; ++i) length *= 2;
  until_ = now + std::min(length, policy_->max_eject);
  ++ejections_;
  failures_ = 0;
  return true;
}

ProbeTally::Change ProbeTally::on_result(bool good) noexcept {
  in_a_row_ = good == last_ ? in_a_row_ + 1 : 1;
  last_ = good;
  if (good == up_ || in_a_row_ < (good ? healthy_after_ : unhealthy_after_)) return Change::kNone;
  up_ = good;
  return good ? Change::kUp : Change::kDown;
}

}  // namespace outrigger::upstream
