// What the process itself has to say: one line an event, JSON for machines or text for a terminal
// (operability 3.2). Not for the hot path: requests are told by the observe filter. Any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>

#include "proxy/base/duration.h"
#include "proxy/base/log_sink.h"

namespace outrigger {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };
enum class LogStyle : std::uint8_t { kJson, kText };

std::string_view to_string(LogLevel level) noexcept;

// A named value beside the message. Keys are literals; a key that names a credential has its value
// hidden.
struct LogField {
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, bool, Duration>;
  LogField(std::string_view name, std::string_view text) : key(name), value(text) {}
  LogField(std::string_view name, const std::string& text)
      : key(name), value(std::string_view(text)) {}
  LogField(std::string_view name, const char* text) : key(name), value(std::string_view(text)) {}
  LogField(std::string_view name, bool truth) : key(name), value(truth) {}
  LogField(std::string_view name, Duration time) : key(name), value(time) {}  // milliseconds
  LogField(std::string_view name, int number) : key(name), value(std::int64_t{number}) {}
  LogField(std::string_view name, long number) : key(name), value(std::int64_t{number}) {}
  LogField(std::string_view name, unsigned number) : key(name), value(std::uint64_t{number}) {}
  LogField(std::string_view name, unsigned long number) : key(name), value(std::uint64_t{number}) {}

  std::string_view key;
  Value value;
};
using LogFields = std::initializer_list<LogField>;

// Appends one line, with its '\n'. Pure; `micros` since 1970.
void append_log_line(std::string& out, LogStyle style, std::int64_t micros, LogLevel level,
                     std::string_view logger, std::string_view message, LogFields fields);

class Logger {
 public:
  // `sink` outlives the logger. Lines below `least` are not written.
  Logger(LogSink& sink, LogLevel least, LogStyle style);

  [[nodiscard]] bool enabled(LogLevel level) const noexcept { return level >= least_; }
  // `logger` names the part of the proxy that speaks: "config", "listener", "health", ...
  void log(LogLevel level, std::string_view logger, std::string_view message,
           LogFields fields = {});
  void debug(std::string_view logger, std::string_view message, LogFields fields = {}) {
    if (enabled(LogLevel::kDebug)) log(LogLevel::kDebug, logger, message, fields);
  }
  void info(std::string_view logger, std::string_view message, LogFields fields = {}) {
    log(LogLevel::kInfo, logger, message, fields);
  }
  void warn(std::string_view logger, std::string_view message, LogFields fields = {}) {
    log(LogLevel::kWarn, logger, message, fields);
  }
  void error(std::string_view logger, std::string_view message, LogFields fields = {}) {
    log(LogLevel::kError, logger, message, fields);
  }
  // Waits until every line so far is written.
  void flush() { sink_.flush(); }

 private:
  LogSink& sink_;
  const LogLevel least_;
  const LogStyle style_;
  std::mutex mutex_;  // one producer at a time into channel_
  LogChannel& channel_;
  std::string line_;
};

// Lets the first of many like warnings through, then one in each interval, with how many it stands
// for. One for each place that may be noisy; one thread.
class RateLimitedLog {
 public:
  explicit RateLimitedLog(Duration every = 1min) noexcept : every_(every) {}

  // True when the line is to be written; `suppressed()` then tells how many were not since the last
  // one.
  [[nodiscard]] bool allow(TimePoint now) noexcept {
    if (said_ && now - last_ < every_) {
      ++silent_;
      return false;
    }
    said_ = true;
    last_ = now;
    suppressed_ = silent_;
    silent_ = 0;
    return true;
  }
  [[nodiscard]] std::uint64_t suppressed() const noexcept { return suppressed_; }

 private:
  Duration every_;
  TimePoint last_;
  std::uint64_t silent_ = 0;
  std::uint64_t suppressed_ = 0;
  bool said_ = false;
};

}  // namespace outrigger
