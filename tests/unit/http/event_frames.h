// Frames of AWS event streams as an upstream writes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/http/event_stream_frames.h"

namespace outrigger::http {

inline void put(std::string& out, std::uint32_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

// With a header of another type in between, as real ones have.
inline std::string event_frame(std::string_view type, std::string_view payload) {
  std::string headers;
  const auto text = [&](std::string_view name, std::string_view value) {
    put(headers, static_cast<std::uint32_t>(name.size()), 1);
    headers += name;
    headers += '\7';
    put(headers, static_cast<std::uint32_t>(value.size()), 2);
    headers += value;
  };
  text(":event-type", type);
  put(headers, 4, 1);
  headers += "when\10";
  headers += std::string(8, '\1');
  text(":message-type", "event");
  std::string out;
  put(out, static_cast<std::uint32_t>(16 + headers.size() + payload.size()), 4);
  put(out, static_cast<std::uint32_t>(headers.size()), 4);
  put(out, crc32(out), 4);
  out += headers;
  out += payload;
  put(out, crc32(out), 4);
  return out;
}

inline std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8 | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0u);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      out += at + i <= bytes.size() ? kDigits[group >> (18 - 6 * i) & 63] : '=';
    }
  }
  return out;
}

// A chunk of InvokeModelWithResponseStream.
inline std::string chunk_frame(std::string_view json) {
  return event_frame("chunk", R"({"bytes":")" + base64(json) + R"(","p":"abc"})");
}

}  // namespace outrigger::http
