#include "proxy/signals.h"

#include <sys/signalfd.h>

#include <csignal>
#include <utility>

namespace outrigger {
namespace {

sigset_t handled() noexcept {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGHUP, SIGTERM, SIGINT}) sigaddset(&set, signal);
  return set;
}

}  // namespace

void Signals::block() {
  const sigset_t set = handled();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

Signals::Signals(EventLoop& loop, std::function<void(int signal)> received)
    : FdWatch(loop), received_(std::move(received)) {
  const sigset_t set = handled();
  fd_ = Fd(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  watch(fd_.get(), Mode::kLevelRead);
}

void Signals::on_ready(Ready) {
  signalfd_siginfo info{};
  while (::read(fd_.get(), &info, sizeof info) == sizeof info) {
    received_(static_cast<int>(info.ssi_signo));
  }
}

}  // namespace outrigger
