#include "proxy/base/log.h"

#include "proxy/base/json_writer.h"
#include "proxy/base/redact.h"
#include "proxy/base/wall_clock.h"

namespace outrigger {
namespace {

void append_json_line(std::string& out, std::string_view stamp, LogLevel level,
                      std::string_view logger, std::string_view message, LogFields fields) {
  JsonWriter json(out);
  json.begin_object();
  json.member("ts", stamp);
  json.member("level", to_string(level));
  json.member("msg", message);
  json.member("logger", logger);
  for (const LogField& field : fields) {
    json.key(field.key);
    if (is_secret_header(field.key)) {
      json.value(kRedacted);
    } else {
      std::visit([&](const auto& value) { json.value(value); }, field.value);
    }
  }
  json.end_object();
}

// A value on a terminal: bare when it is one plain word, else quoted, so that control characters of
// a hostile text never reach the terminal.
void append_text_value(std::string& out, std::string_view text) {
  bool plain = !text.empty();
  for (const char c : text) plain = plain && c > ' ' && c < 0x7f && c != '"' && c != '=';
  if (plain) {
    out += text;
  } else {
    append_json_string(out, text);
  }
}

void append_text_value(std::string& out, Duration time) {
  append_milliseconds(out, time);
  out += "ms";
}

void append_text_value(std::string& out, bool truth) {
  out += truth ? "true" : "false";
}

template <std::integral Integer>
void append_text_value(std::string& out, Integer number) {
  out += std::to_string(number);
}

// Messages are ours, but may quote others: control characters become '?'.
void append_message(std::string& out, std::string_view message) {
  for (const char c : message) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
}

void append_text_line(std::string& out, std::string_view stamp, LogLevel level,
                      std::string_view logger, std::string_view message, LogFields fields) {
  out += stamp.substr(11, 12);  // the time of day, to the millisecond
  out += ' ';
  out += to_string(level);
  out.append(6 - to_string(level).size(), ' ');
  out += logger;
  out += ": ";
  append_message(out, message);
  for (const LogField& field : fields) {
    out += ' ';
    out += field.key;
    out += '=';
    if (is_secret_header(field.key)) {
      out += kRedacted;
    } else {
      std::visit([&](const auto& value) { append_text_value(out, value); }, field.value);
    }
  }
}

}  // namespace

std::string_view to_string(LogLevel level) noexcept {
  constexpr std::string_view kNames[] = {"debug", "info", "warn", "error"};
  return kNames[static_cast<std::size_t>(level)];
}

void append_log_line(std::string& out, LogStyle style, std::int64_t micros, LogLevel level,
                     std::string_view logger, std::string_view message, LogFields fields) {
  TimestampText text;
  const std::string_view stamp = text.format(micros);
  if (style == LogStyle::kJson) {
    append_json_line(out, stamp, level, logger, message, fields);
  } else {
    append_text_line(out, stamp, level, logger, message, fields);
  }
  out += '\n';
}

Logger::Logger(LogSink& sink, LogLevel least, LogStyle style)
    : sink_(sink), least_(least), style_(style), channel_(sink.channel()) {}

void Logger::log(LogLevel level, std::string_view logger, std::string_view message,
                 LogFields fields) {
  if (!enabled(level)) return;
  const std::scoped_lock lock(mutex_);
  line_.clear();
  append_log_line(line_, style_, WallClock::system(), level, logger, message, fields);
  channel_.write(line_);
}

}  // namespace outrigger
