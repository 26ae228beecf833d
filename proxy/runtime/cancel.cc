#include "proxy/runtime/cancel.h"

namespace outrigger {

void CancelScope::cancel(CancelReason why) {
  if (why_) return;
  why_ = why;
  if (head_.next_ == &head_) return;
  // Hooks resume coroutines, which may link or unlink others or destroy this scope: move the ring
  // aside so that only the local one is walked.
  Ring ring;
  ring.next_ = head_.next_;
  ring.prev_ = head_.prev_;
  ring.next_->prev_ = &ring;
  ring.prev_->next_ = &ring;
  head_.next_ = head_.prev_ = &head_;
  while (ring.next_ != &ring) {
    CancelHook* hook = ring.next_;
    hook->unlink();
    hook->on_cancel(why);
  }
  ring.next_ = ring.prev_ = nullptr;
}

void Signal::notify() {
  if (waiter_ == nullptr) {
    pending_ = true;
    return;
  }
  std::exchange(waiter_, nullptr)->wake();
}

}  // namespace outrigger
