// Where log lines go: a file, stdout or stderr, written by one thread of the sink's own. Producers
// hand lines over through rings that no lock guards, so a slow disk or pipe never holds up traffic:
// what does not fit is dropped, counted, and the log itself says so. Owned by the process; outlives
// its channels' users.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "proxy/base/duration.h"
#include "proxy/base/result.h"
#include "proxy/base/secret.h"

namespace outrigger {

class LogSink;

// One producing thread's way into a sink: a ring with one writer and one reader. Lives as long as
// the sink.
class LogChannel {
 public:
  LogChannel(LogSink& sink, std::size_t bytes);

  // Takes whole lines, each ended by '\n', or nothing. False when there is no room: dropped and
  // counted. Never blocks, never allocates. One thread.
  bool write(std::string_view lines) noexcept;

 private:
  friend class LogSink;
  LogSink& sink_;
  const std::size_t mask_;
  const std::size_t batch_;  // bytes that wake the sink
  std::unique_ptr<char[]> ring_;
  alignas(64) std::atomic<std::uint64_t> written_ = 0;  // by the producer
  alignas(64) std::atomic<std::uint64_t> read_ = 0;     // by the sink's thread
  alignas(64) std::atomic<std::uint64_t> dropped_ = 0;  // by the producer
};

struct LogSinkSettings {
  std::size_t channel_bytes = std::size_t{1} << 20;  // a power of two
  Duration gather = 10ms;   // lines wait so long for company, unless there are many
  Duration last_wait = 2s;  // for a pipe that nobody reads, when the sink ends
  std::vector<Secret> masks =
      {};  // values that must never be written, wherever they stand in a line
};

class LogSink {
 public:
  // "stdout", "stderr" or the path of a file, which is appended to, mode 0640. Error: kSystem. The
  // process must ignore SIGPIPE.
  static Result<std::unique_ptr<LogSink>> open(std::string path, LogSinkSettings settings = {});
  // Writes what is there, then ends; gives up after `last_wait` on a pipe that nobody reads.
  ~LogSink();
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;

  // A new channel for one producing thread. Any thread.
  LogChannel& channel();
  // Opens the file anew after the lines so far, for log rotation. Any thread, not a signal handler.
  // When that fails, the old file stays in use.
  void reopen();
  // Other values than those of the settings are masked from now on, in all lines that are handed
  // over after the call. Any thread.
  void mask(std::vector<Secret> secrets);
  // Returns when all that was handed over before the call has been written, or failed to be. Any
  // thread but the sink's; waits for a slow disk.
  void flush();

  // Lines lost because a ring was full, and because writing failed. Any thread.
  [[nodiscard]] std::uint64_t dropped_lines() const noexcept;
  [[nodiscard]] std::uint64_t failed_lines() const noexcept {
    return failed_lines_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  // True when lines go to a terminal: text is kinder than JSON there.
  [[nodiscard]] bool terminal() const noexcept { return terminal_; }

 private:
  friend class LogChannel;
  LogSink(std::string path, int fd, LogSinkSettings settings);
  void wake() noexcept;
  void run();
  void drain();
  void drain(LogChannel& channel);
  void say_dropped();
  void take_new_masks();
  void write_out(std::string_view bytes);
  [[nodiscard]] bool wait_writable();
  void reopen_now();
  void wait_for_lines(std::unique_lock<std::mutex>& lock);

  const std::string path_;
  const LogSinkSettings settings_;
  int fd_;  // the sink's thread
  const bool terminal_;
  bool regular_;  // a file on disk: the sink's thread
  std::string scratch_;
  std::vector<Secret> masks_;
  std::uint64_t said_dropped_ = 0;
  std::atomic<std::uint64_t> failed_lines_ = 0;

  std::atomic<bool> ending_ = false;
  std::atomic<bool> masks_changed_ = false;
  std::atomic<bool> asleep_ = false;  // the thread waits for a line
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable flushed_;
  std::vector<std::unique_ptr<LogChannel>> channels_;  // grows only
  std::vector<Secret> new_masks_;
  bool woken_ = false;
  bool hurry_ = false;  // write without gathering
  bool reopen_ = false;
  bool stopping_ = false;
  std::uint64_t flush_wanted_ = 0;
  std::uint64_t flush_done_ = 0;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace outrigger
