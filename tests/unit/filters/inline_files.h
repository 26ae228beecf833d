// A file thread for simulated time: does its work on the loop, a turn later.
#pragma once

#include <utility>

#include "proxy/runtime/file_thread.h"

namespace outrigger::filters {

class InlineFiles final : public FileRunner {
 public:
  void run(Dispatcher& loop, std::function<void()> work, std::function<void()> done) override {
    ++jobs;
    loop.defer([work = std::move(work), done = std::move(done)] {
      work();
      if (done) done();
    });
  }
  int jobs = 0;
};

}  // namespace outrigger::filters
