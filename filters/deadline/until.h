// Lends an exchange a scope that ends after a while. Lives in the frame of a filter's handle().
#pragma once

#include <utility>

#include "filters/exchange.h"

namespace outrigger::filters {

class Until {
 public:
  Until(Exchange& exchange, Duration time, const CancelReason& why)
      : exchange_(exchange), scope_(*exchange.scope), timer_(exchange.loop, scope_) {
    timer_.start(time, why);
    outer_ = std::exchange(exchange_.scope, &scope_);
  }
  Until(const Until&) = delete;
  Until& operator=(const Until&) = delete;
  ~Until() { exchange_.scope = outer_; }

 private:
  Exchange& exchange_;
  CancelScope scope_;
  DeadlineTimer timer_;
  CancelScope* outer_ = nullptr;
};

}  // namespace outrigger::filters
