#include "filters/cache/entry.h"

namespace outrigger::filters {
namespace {

// What a string or a block of its own takes besides its bytes.
constexpr std::uint64_t kBlock = 16;

std::uint64_t weight_of(const std::string& text) noexcept {
  return sizeof text + kBlock + text.capacity();
}

std::uint64_t weight_of(const std::vector<std::string>& texts) noexcept {
  std::uint64_t weight = 0;
  for (const std::string& text : texts) weight += weight_of(text);
  return weight;
}

}  // namespace

std::uint64_t CacheEntry::body_bytes() const noexcept {
  std::uint64_t bytes = 0;
  for (const std::string& piece : body) bytes += piece.size();
  return bytes;
}

std::uint64_t CacheEntry::weight() const noexcept {
  std::uint64_t weight = sizeof *this + kBlock + upstream.capacity() + model.capacity();
  for (const auto& [name, value] : head.fields) weight += weight_of(name) + weight_of(value);
  return weight + weight_of(tags) + weight_of(body) + weight_of(vary) +
         events.capacity() * sizeof(EventMark);
}

}  // namespace outrigger::filters
