#include "filters/idempotency/event_ids.h"

#include <array>
#include <charconv>
#include <utility>

#include "filters/idempotency/stored_record.h"

namespace outrigger::filters {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

std::optional<std::uint8_t> nibble(char c) noexcept {
  const std::size_t at = kHex.find(c);
  if (at == std::string_view::npos) return std::nullopt;
  return static_cast<std::uint8_t>(at);
}

}  // namespace

std::string event_id(const StreamPosition& position) {
  std::string id;
  for (const char byte : position.key) {
    const auto bits = static_cast<std::uint8_t>(byte);
    id += kHex[bits >> 4];
    id += kHex[bits & 15];
  }
  return id + '-' + position.execution + '-' + std::to_string(position.offset);
}

std::optional<StreamPosition> parse_event_id(std::string_view text) {
  constexpr std::size_t kDigits = 2 * kRecordKeyBytes;
  if (text.size() < kDigits + 2 || text[kDigits] != '-') return std::nullopt;
  StreamPosition position;
  for (std::size_t at = 0; at < kDigits; at += 2) {
    const auto high = nibble(text[at]), low = nibble(text[at + 1]);
    if (!high || !low) return std::nullopt;
    position.key += static_cast<char>(*high << 4 | *low);
  }
  text.remove_prefix(kDigits + 1);
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  position.execution = text.substr(0, dash);
  const std::string_view number = text.substr(dash + 1);
  const char* const end = number.data() + number.size();
  const auto [rest, error] = std::from_chars(number.data(), end, position.offset);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return position;
}

// An id goes in front of the line end that ends its event, and tells of the byte behind that. A CR
// LF there is not torn apart: where only its CR has come, the id would belong behind the LF.
std::string EventIdWriter::write(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() + 128);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    const bool second = c == '\n' && std::exchange(after_return_, false);
    if (!second && (c == '\n' || c == '\r')) {
      if (line_empty_ && !block_empty_) {
        const bool pair = c == '\r' && i + 1 < bytes.size() && bytes[i + 1] == '\n';
        StreamPosition behind = at_;
        behind.offset += pair ? 2 : 1;
        out += "id: " + event_id(behind) + '\n';
        block_empty_ = true;
      }
      line_empty_ = true;
    } else if (!second) {
      line_empty_ = block_empty_ = false;
    }
    after_return_ = c == '\r';
    out += c;
    ++at_.offset;
  }
  return out;
}

Task<Result<Slice>> EventIdBody::read(CancelScope& scope) {
  if (!std::exchange(begun_, true)) co_return Slice::copy(writer_.first());
  CO_TRY(const Slice bytes, co_await inner_.read(scope));
  if (bytes.empty()) co_return Slice{};
  co_return Slice::copy(writer_.write(bytes.view()));
}

}  // namespace outrigger::filters
