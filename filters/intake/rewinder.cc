#include "filters/intake/rewinder.h"

#include "filters/intake/replay_body.h"

namespace outrigger::filters {

Rewinder::Rewinder(Exchange& exchange)
    : exchange_(exchange), in_memory_(exchange.request.body.whole() != nullptr) {
  ++exchange.rewinders;
  if (in_memory_) whole_ = *exchange.request.body.whole();
}

Rewinder::~Rewinder() {
  if (--exchange_.rewinders == 0 && exchange_.replay != nullptr) exchange_.replay->release();
}

bool Rewinder::possible() const noexcept {
  return in_memory_ || (exchange_.replay != nullptr && exchange_.replay->can_rewind());
}

std::string_view Rewinder::why_not() const noexcept {
  if (possible()) return {};
  return exchange_.replay == nullptr ? "not_kept" : exchange_.replay->why_not();
}

void Rewinder::rewind() {
  if (in_memory_) {
    if (!whole_.empty()) exchange_.request.body = http::Body(whole_);
  } else {
    exchange_.replay->rewind();
  }
}

std::optional<std::string> Rewinder::whole() const {
  if (in_memory_) return std::string(whole_.view());
  const ReplayBody* replay = exchange_.replay;
  if (replay == nullptr || !replay->whole_in_memory()) return std::nullopt;
  return replay->prefix(ReplayBody::kInMemory);
}

}  // namespace outrigger::filters
