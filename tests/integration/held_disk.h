// A disk that does not answer for a while: the one thread of the proxy that writes the store is
// stopped, all others go on. For the test's main thread.
#pragma once

#include <sys/ptrace.h>
#include <sys/wait.h>

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/deadline.h"
#include "tests/support/process.h"

namespace outrigger::test {

class HeldDisk {
 public:
  // `answers` asks the proxy for something that has to be written: whether it comes soon. It does
  // not while the thread that is looked for is stopped.
  HeldDisk(pid_t proxy, const std::function<bool()>& answers) {
    const bool found = eventually([&] {
      for (const pid_t each : sleepers(proxy)) {
        thread_ = each;
        int signs = 0;  // one alone may be a slow machine
        while (signs < 3 && !answers_while_held(answers) && answers()) ++signs;
        if (signs == 3) return true;
      }
      return false;
    });
    if (!found) give_up("no thread of {} is the one that writes", proxy);
  }
  HeldDisk(const HeldDisk&) = delete;
  HeldDisk& operator=(const HeldDisk&) = delete;
  ~HeldDisk() { release(); }

  void hold() {
    if (::ptrace(PTRACE_SEIZE, thread_, nullptr, nullptr) != 0 ||
        ::ptrace(PTRACE_INTERRUPT, thread_, nullptr, nullptr) != 0) {
      give_up("the thread {} cannot be stopped", thread_);
    }
    held_ = ::waitpid(thread_, nullptr, __WALL) == thread_;
  }
  void release() {
    if (std::exchange(held_, false)) ::ptrace(PTRACE_DETACH, thread_, nullptr, nullptr);
  }

 private:
  bool answers_while_held(const std::function<bool()>& answers) {
    hold();
    const bool answered = answers();
    release();
    return answered;
  }
  // The threads that wait for another one.
  static std::vector<pid_t> sleepers(pid_t process) {
    std::vector<pid_t> found;
    const std::string tasks = fmt::format("/proc/{}/task", process);
    for (const auto& task : std::filesystem::directory_iterator(tasks)) {
      if (!read_file(task.path() / "syscall").starts_with("202 ")) continue;  // futex
      found.push_back(std::stoi(task.path().filename()));
    }
    return found;
  }

  pid_t thread_ = 0;
  bool held_ = false;
};

}  // namespace outrigger::test
