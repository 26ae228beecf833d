// Writes frames of application/vnd.amazon.eventstream: total length, length of the headers, CRC of
// both, headers, payload, CRC of all before it; numbers big-endian. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outrigger::mock {

using FrameHeaders = std::vector<std::pair<std::string_view, std::string_view>>;

// Headers are of type 7 (string), names below 256 bytes, values below 64 KiB.
std::string event_stream_frame(const FrameHeaders& headers, std::string_view payload);

// :message-type event, and :message-type exception, both with a JSON payload.
std::string event_frame(std::string_view type, std::string_view json);
std::string exception_frame(std::string_view type, std::string_view json);

}  // namespace outrigger::mock
