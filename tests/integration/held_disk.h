// A disk that does not answer for a while: the one thread of the proxy that writes the store is
// stopped, all others go on. For the test's main thread.
#pragma once

#include <sys/ptrace.h>
#include <sys/wait.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/deadline.h"
#include "tests/support/process.h"

namespace outrigger::test {

class HeldDisk {
 public:
  // `write` makes the proxy write, and returns when it has: by that the thread is found.
  HeldDisk(pid_t proxy, const std::function<void()>& write) : proxy_(proxy) {
    pid_t before = 0;
    const bool found = eventually([&] {
      const std::map<pid_t, std::string> counts = sleepers();
      write();
      std::vector<pid_t> wrote;
      for (const auto& [thread, count] : sleepers()) {
        const auto same = counts.find(thread);
        if (same != counts.end() && same->second != count) wrote.push_back(thread);
      }
      before = std::exchange(thread_, wrote.size() == 1 ? wrote.front() : 0);
      return thread_ != 0 && thread_ == before;
    });
    if (!found) give_up("no thread of {} looks like the one that writes", proxy);
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
  // The threads that wait for another one, and how often each has called write().
  [[nodiscard]] std::map<pid_t, std::string> sleepers() const {
    std::map<pid_t, std::string> found;
    const std::string tasks = fmt::format("/proc/{}/task", proxy_);
    for (const auto& task : std::filesystem::directory_iterator(tasks)) {
      if (!read_file(task.path() / "syscall").starts_with("202 ")) continue;  // futex
      const std::string io = read_file(task.path() / "io");
      const std::size_t at = io.find("syscw:");
      if (at == std::string::npos) continue;
      found[std::stoi(task.path().filename())] = io.substr(at, io.find('\n', at) - at);
    }
    return found;
  }

  const pid_t proxy_;
  pid_t thread_ = 0;
  bool held_ = false;
};

}  // namespace outrigger::test
