#include "proxy/base/buffer.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <new>
#include <utility>

namespace outrigger {

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  return *this;
}

Buffer::~Buffer() {
  std::free(data_);
}

void Buffer::append_number(std::uint64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  append(std::string_view(digits, static_cast<std::size_t>(end - digits)));
}

void Buffer::append_hex(std::uint64_t value) {
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
  append(std::string_view(digits, static_cast<std::size_t>(end - digits)));
}

void Buffer::consume(std::size_t count) noexcept {
  size_ -= count;
  if (size_ != 0) std::memmove(data_, data_ + count, size_);
}

void Buffer::grow(std::size_t least) {
  const std::size_t capacity = std::max({least, capacity_ * 2, std::size_t{256}});
  char* moved = static_cast<char*>(std::realloc(data_, capacity));
  if (moved == nullptr) throw std::bad_alloc();
  data_ = moved;
  capacity_ = capacity;
}

}  // namespace outrigger
