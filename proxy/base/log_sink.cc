#include "proxy/base/log_sink.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <span>
#include <utility>

#include <fmt/core.h>

#include "proxy/base/json_writer.h"
#include "proxy/base/redact.h"
#include "proxy/base/wall_clock.h"

namespace outrigger {
namespace {

// A pipe or terminal takes this much without blocking once poll() says that it is writable (POSIX
// PIPE_BUF).
constexpr std::size_t kPipeBytes = 4096;

// Lines are written out when there are so many bytes of them, even before their time: what is still
// in the processor's cache costs half to copy, and pushes nothing else out of it.
constexpr std::size_t kBatchBytes = 64 * 1024;

bool is_regular(int fd) noexcept {
  struct stat about{};
  return fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
}

int open_target(const std::string& path) noexcept {
  if (path == "stdout") return STDOUT_FILENO;
  if (path == "stderr") return STDERR_FILENO;
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

}  // namespace

LogChannel::LogChannel(LogSink& sink, std::size_t bytes)
    : sink_(sink),
      mask_(std::bit_ceil(bytes) - 1),
      batch_(std::min(kBatchBytes, (mask_ + 1) / 2)),
      ring_(new char[mask_ + 1]) {}

bool LogChannel::write(std::string_view lines) noexcept {
  const std::uint64_t written = written_.load(std::memory_order_relaxed);
  const std::uint64_t used = written - read_.load(std::memory_order_acquire);
  const std::size_t capacity = mask_ + 1;
  if (lines.size() > capacity - used) {
    const auto lost = static_cast<std::uint64_t>(std::ranges::count(lines, '\n'));
    dropped_.store(dropped_.load(std::memory_order_relaxed) + std::max<std::uint64_t>(lost, 1),
                   std::memory_order_relaxed);
    if (sink_.asleep_.load(std::memory_order_relaxed)) sink_.wake();
    return false;
  }
  const std::size_t at = written & mask_;
  const std::size_t first = std::min(lines.size(), capacity - at);
  std::memcpy(&ring_[at], lines.data(), first);
  std::memcpy(&ring_[0], lines.data() + first, lines.size() - first);
  // Sequentially consistent with the thread's "asleep_ = true, then look once more": one of both
  // sees the other, so no line waits for the next one.
  written_.store(written + lines.size(), std::memory_order_seq_cst);
  const bool crossed = used < batch_ && used + lines.size() >= batch_;
  if (sink_.asleep_.load(std::memory_order_seq_cst) || crossed) sink_.wake();
  return true;
}

Result<std::unique_ptr<LogSink>> LogSink::open(std::string path, LogSinkSettings settings) {
  const int fd = open_target(path);
  if (fd < 0) {
    return fail(Errc::kSystem, Origin::kProxy, "log_open",
                fmt::format("cannot open log {}: {}", path, std::strerror(errno)));
  }
  return std::unique_ptr<LogSink>(new LogSink(std::move(path), fd, std::move(settings)));
}

LogSink::LogSink(std::string path, int fd, LogSinkSettings settings)
    : path_(std::move(path)),
      settings_(std::move(settings)),
      fd_(fd),
      terminal_(isatty(fd) == 1),
      regular_(is_regular(fd)),
      masks_(settings_.masks),
      thread_([this] { run(); }) {}

LogSink::~LogSink() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    woken_ = true;
    ending_.store(true, std::memory_order_relaxed);
    wake_.notify_one();
  }
  thread_.join();
  if (fd_ > STDERR_FILENO) ::close(fd_);
}

LogChannel& LogSink::channel() {
  const std::scoped_lock lock(mutex_);
  channels_.push_back(std::make_unique<LogChannel>(*this, settings_.channel_bytes));
  return *channels_.back();
}

void LogSink::reopen() {
  const std::scoped_lock lock(mutex_);
  reopen_ = true;
  woken_ = true;
  wake_.notify_one();
}

void LogSink::flush() {
  std::unique_lock lock(mutex_);
  const std::uint64_t ticket = ++flush_wanted_;
  woken_ = true;
  hurry_ = true;
  wake_.notify_one();
  flushed_.wait(lock, [&] { return flush_done_ >= ticket; });
}

std::uint64_t LogSink::dropped_lines() const noexcept {
  const std::scoped_lock lock(mutex_);
  std::uint64_t lines = 0;
  for (const auto& channel : channels_) lines += channel->dropped_.load(std::memory_order_relaxed);
  return lines;
}

void LogSink::wake() noexcept {
  // Called by producers, so at most once per gathering: the thread sets asleep_ again after its
  // work.
  const bool asleep = asleep_.exchange(false, std::memory_order_seq_cst);
  const std::scoped_lock lock(mutex_);
  woken_ = true;
  hurry_ = hurry_ || !asleep;
  wake_.notify_one();
}

void LogSink::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wait_for_lines(lock);
    woken_ = hurry_ = false;
    const bool stop = stopping_;
    const bool again = std::exchange(reopen_, false);
    const std::uint64_t ticket = flush_wanted_;
    lock.unlock();
    drain();
    say_dropped();
    if (again) reopen_now();
    lock.lock();
    flush_done_ = ticket;
    flushed_.notify_all();
    if (stop) return;
  }
}

void LogSink::wait_for_lines(std::unique_lock<std::mutex>& lock) {
  asleep_.store(true, std::memory_order_seq_cst);
  const auto has_lines = [&] {
    return std::ranges::any_of(channels_, [](const auto& channel) {
      return channel->written_.load(std::memory_order_seq_cst) !=
             channel->read_.load(std::memory_order_relaxed);
    });
  };
  wake_.wait(lock, [&] { return woken_ || has_lines(); });
  asleep_.store(false, std::memory_order_seq_cst);
  const auto urgent = [&] { return hurry_ || stopping_ || reopen_; };
  wake_.wait_for(lock, settings_.gather, urgent);
}

void LogSink::drain() {
  // Channels only ever join at the end, and a channel that joins now is drained next time.
  for (std::size_t i = 0;; ++i) {
    LogChannel* channel = nullptr;
    {
      const std::scoped_lock lock(mutex_);
      if (i >= channels_.size()) return;
      channel = channels_[i].get();
    }
    drain(*channel);
  }
}

void LogSink::drain(LogChannel& channel) {
  const std::uint64_t from = channel.read_.load(std::memory_order_relaxed);
  const std::uint64_t to = channel.written_.load(std::memory_order_acquire);
  if (from == to) return;
  // After the lines were seen: what was to be masked before they came is known now.
  if (masks_changed_.load(std::memory_order_acquire)) take_new_masks();
  const std::size_t at = from & channel.mask_;
  const std::size_t size = to - from;
  const std::size_t first = std::min(size, channel.mask_ + 1 - at);
  if (masks_.empty()) {
    write_out({&channel.ring_[at], first});
    write_out({&channel.ring_[0], size - first});
  } else {
    // A secret may lie across the ring's end: joined before it is looked for.
    scratch_.assign(&channel.ring_[at], first);
    scratch_.append(&channel.ring_[0], size - first);
    mask_secrets(scratch_, masks_);
    write_out(scratch_);
  }
  channel.read_.store(to, std::memory_order_release);
}

void LogSink::mask(std::vector<Secret> secrets) {
  const std::scoped_lock lock(mutex_);
  new_masks_ = std::move(secrets);
  masks_changed_.store(true, std::memory_order_release);
}

void LogSink::take_new_masks() {
  const std::scoped_lock lock(mutex_);
  masks_changed_.store(false, std::memory_order_relaxed);
  masks_ = std::move(new_masks_);
}

void LogSink::say_dropped() {
  const std::uint64_t dropped = dropped_lines();
  if (dropped == said_dropped_) return;
  TimestampText stamp;
  std::string line;
  JsonWriter json(line);
  json.begin_object();
  json.member("ts", stamp.format(WallClock::system()));
  json.member("level", "warn");
  json.member("msg", "log lines were dropped: the log is written too slowly");
  json.member("logger", "log");
  json.member("dropped", dropped - said_dropped_);
  json.member("dropped_total", dropped);
  json.end_object();
  line += '\n';
  said_dropped_ = dropped;
  write_out(line);
}

void LogSink::write_out(std::string_view bytes) {
  while (!bytes.empty()) {
    if (!regular_ && !wait_writable()) break;
    const std::size_t size = regular_ ? bytes.size() : std::min(bytes.size(), kPipeBytes);
    const ssize_t n = ::write(fd_, bytes.data(), size);
    if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) break;
  }
  if (bytes.empty()) return;
  const auto lost = static_cast<std::uint64_t>(std::ranges::count(bytes, '\n'));
  failed_lines_.fetch_add(std::max<std::uint64_t>(lost, 1), std::memory_order_relaxed);
}

bool LogSink::wait_writable() {
  constexpr int kStepMs = 50;
  Duration waited{0};
  for (;;) {
    pollfd poll_fd{.fd = fd_, .events = POLLOUT, .revents = 0};
    if (::poll(&poll_fd, 1, kStepMs) > 0) return true;
    if (!ending_.load(std::memory_order_relaxed)) continue;
    waited += std::chrono::milliseconds(kStepMs);
    if (waited >= settings_.last_wait) return false;
  }
}

void LogSink::reopen_now() {
  if (fd_ <= STDERR_FILENO) return;
  const int fd = open_target(path_);
  if (fd < 0) return;
  ::close(fd_);
  fd_ = fd;
  regular_ = is_regular(fd);
}

}  // namespace outrigger
