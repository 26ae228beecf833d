#include "tests/support/process.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace outrigger::test {

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  if (!out.flush()) give_up("cannot write {}", path);
}

namespace {

bool leave_mounts() {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

void limit(__rlimit_resource what, const std::optional<std::uint64_t>& most) {
  const rlimit both{most.value_or(0), most.value_or(0)};
  if (most) ::setrlimit(what, &both);
}

// In the child, between fork and exec: only async-signal-safe calls.
[[noreturn]] void become(char* const* arguments, const ProcessOptions& options) {
  std::signal(SIGPIPE, SIG_DFL);
  limit(RLIMIT_NOFILE, options.max_files);
  limit(RLIMIT_FSIZE, options.max_file_bytes);
  const char* resolv_conf = options.resolv_conf.empty() ? nullptr : options.resolv_conf.c_str();
  if (resolv_conf != nullptr && (!leave_mounts() || ::mount(resolv_conf, "/etc/resolv.conf",
                                                            nullptr, MS_BIND, nullptr) != 0)) {
    ::_exit(125);
  }
  if (::chdir(options.folder.c_str()) != 0) ::_exit(126);
  const int flags = O_WRONLY | O_CREAT | O_APPEND;
  const int out = ::open("stdout", flags, 0600);
  const int err = ::open("stderr", flags, 0600);
  const int in = ::open("/dev/null", O_RDONLY);
  ::dup2(in, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  for (const int fd : {in, out, err}) {
    if (fd > STDERR_FILENO) ::close(fd);
  }
  ::execv(arguments[0], arguments);
  ::_exit(127);
}

}  // namespace

bool may_mount() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(leave_mounts() ? 0 : 1);
  int status = 1;
  return child > 0 && ::waitpid(child, &status, 0) == child && status == 0;
}

Process::Process(std::vector<std::string> command, ProcessOptions options)
    : options_(std::move(options)) {
  std::vector<char*> arguments;
  for (std::string& word : command) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ < 0) give_up("fork: {}", std::strerror(errno));
  if (pid_ == 0) become(arguments.data(), options_);
}

Process::~Process() {
  if (exit_code().has_value()) return;
  signal(SIGKILL);
  static_cast<void>(wait_exit());
}

void Process::signal(int number) const {
  ::kill(pid_, number);
}

std::optional<int> Process::exit_code() {
  if (exit_code_) return exit_code_;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == pid_) {
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return exit_code_;
}

std::optional<int> Process::wait_exit(Deadline deadline) {
  static_cast<void>(eventually([&] { return exit_code().has_value(); }, deadline));
  return exit_code_;
}

std::vector<std::string> Process::descriptors() const {
  std::vector<std::string> list;
  std::error_code error;
  const std::filesystem::path folder = fmt::format("/proc/{}/fd", pid_);
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const auto target = std::filesystem::read_symlink(entry.path(), error);
    list.push_back(entry.path().filename().string() + " " + target.string());
  }
  return list;
}

std::uint64_t Process::resident_bytes() const {
  std::istringstream status(read_file(fmt::format("/proc/{}/status", pid_)));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoull(line.substr(6)) * 1024;
  }
  give_up("no VmRSS of process {}", pid_);
}

Milliseconds Process::cpu_time() const {
  const std::string stat = read_file(fmt::format("/proc/{}/stat", pid_));
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;  // proc(5): utime and stime are fields 14 and 15
  long user = 0;
  long system = 0;
  fields >> user >> system;
  return Milliseconds((user + system) * 1000 / ::sysconf(_SC_CLK_TCK));
}

}  // namespace outrigger::test
