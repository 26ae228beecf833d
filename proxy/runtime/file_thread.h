// File operations block, and no loop may: they run here, one after the other, and their end is
// posted to the loop that asked. One for the process.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "proxy/runtime/dispatcher.h"

namespace outrigger {

class FileRunner {
 public:
  virtual ~FileRunner() = default;
  // Runs `work`, which may block, after all that was given before it, then `done` on `loop`'s
  // thread. Any thread. `done` may be empty. What they hold is released on either thread.
  virtual void run(Dispatcher& loop, std::function<void()> work, std::function<void()> done) = 0;
};

class FileThread final : public FileRunner {
 public:
  FileThread();
  ~FileThread() override;  // stop()

  void run(Dispatcher& loop, std::function<void()> work, std::function<void()> done) override;
  // Finishes what was given, then ends the thread. What is given later is dropped, unrun. Call it
  // while all loops that were served are still there.
  void stop();

 private:
  struct Job {
    Dispatcher* loop = nullptr;
    std::function<void()> work;
    std::function<void()> done;
  };
  void serve();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace outrigger
