// A child process with its output in files, and what the kernel tells of it. Killed with its owner.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/deadline.h"

namespace outrigger::test {

std::string read_file(const std::string& path);  // "" when it is not there
void write_file(const std::string& path, const std::string& text);

struct ProcessOptions {
  std::string folder = {};                           // working folder; holds `stdout` and `stderr`
  std::optional<std::uint64_t> max_files = {};       // RLIMIT_NOFILE
  std::optional<std::uint64_t> max_file_bytes = {};  // RLIMIT_FSIZE: a disk that is full
  std::string resolv_conf = {};  // a file that it sees as /etc/resolv.conf; may_mount() only
};

// Whether this user may give a child its own view of the file system.
bool may_mount();

class Process {
 public:
  Process(std::vector<std::string> command, ProcessOptions options);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int number) const;
  // The exit code, or 128 + the signal's number; nothing when it still runs.
  std::optional<int> exit_code();
  std::optional<int> wait_exit(Deadline deadline = Deadline());
  [[nodiscard]] pid_t pid() const { return pid_; }

  [[nodiscard]] std::string standard_output() const {
    return read_file(options_.folder + "/stdout");
  }
  [[nodiscard]] std::string standard_error() const {
    return read_file(options_.folder + "/stderr");
  }
  // What its open descriptors are, one text each.
  [[nodiscard]] std::vector<std::string> descriptors() const;
  [[nodiscard]] std::uint64_t resident_bytes() const;
  // Processor time used so far.
  [[nodiscard]] Milliseconds cpu_time() const;

 private:
  ProcessOptions options_;
  pid_t pid_ = -1;
  std::optional<int> exit_code_;
};

}  // namespace outrigger::test
