// The process's signals as events of the main loop. Blocks them for every thread that starts
// afterwards.
#pragma once

#include <functional>

#include "proxy/net/fd.h"
#include "proxy/runtime/event_loop.h"

namespace outrigger {

class Signals final : private FdWatch {
 public:
  // SIGHUP, SIGTERM and SIGINT go to `received`; SIGPIPE and SIGXFSZ (a file at its
  // limit of size) are ignored for good: whoever writes is told.
  Signals(EventLoop& loop, std::function<void(int signal)> received);
  // Call before any thread starts; the constructor does not need to come first.
  static void block();

 private:
  void on_ready(Ready ready) override;
  Fd fd_;
  std::function<void(int)> received_;
};

}  // namespace outrigger
