#include "filters/recording/orphan.h"

namespace outrigger::filters {

// Ends work that nobody has waited for too long.
class Orphan::Gone final : private Timer {
 public:
  Gone(Orphan& orphan, Duration time) : orphan_(orphan) {
    ++orphan_.orphans_.now;
    orphan_.work_.exchange.loop.arm(*this, time);
  }
  Gone(const Gone&) = delete;
  Gone& operator=(const Gone&) = delete;
  ~Gone() {
    disarm();
    --orphan_.orphans_.now;
  }

 private:
  void on_fire() override {
    if (orphan_.answer_.readers() > 0) return;
    orphan_.work_.scope.cancel({Errc::kCancelled, Origin::kClient, "client_gone"});
  }
  Orphan& orphan_;
};

Orphan::Orphan(const config::OnClientGone& policy, Orphans& orphans, Detached& work,
               const Recording& answer) noexcept
    : policy_(policy), orphans_(orphans), work_(work), answer_(answer) {}
Orphan::~Orphan() = default;

void Orphan::left(std::uint64_t answer_bytes) {
  gone_ = nullptr;  // one whose client had come back was one of them
  if (may_finish(answer_bytes)) {
    gone_ = std::make_unique<Gone>(*this, policy_.time);
  } else {
    work_.scope.cancel({Errc::kCancelled, Origin::kClient, "client_gone"});
  }
}

bool Orphan::may_finish(std::uint64_t answer_bytes) const noexcept {
  using Then = config::OnClientGone::Then;
  if (policy_.then == Then::kCancel || orphans_.now >= policy_.most) return false;
  if (policy_.then == Then::kFinish) return true;
  const Duration ran = work_.exchange.loop.now() - work_.exchange.started;
  return (policy_.bytes && answer_bytes >= *policy_.bytes) ||
         (policy_.elapsed && ran >= *policy_.elapsed);
}

}  // namespace outrigger::filters
