// A growing byte buffer for what we write: heads, chunk lines, log lines. Owned by one place at a
// time, bound to no thread; clear() keeps the memory, so a buffer that is used again does not
// allocate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace outrigger {

// memcpy for the few bytes of names and numbers, without a call: two moves that may overlap.
inline void copy_short(char* to, const char* from, std::size_t size) noexcept {
  if (size > 32) {
    std::memcpy(to, from, size);
  } else if (size >= 16) {
    std::memcpy(to, from, 16);
    std::memcpy(to + size - 16, from + size - 16, 16);
  } else if (size >= 8) {
    std::memcpy(to, from, 8);
    std::memcpy(to + size - 8, from + size - 8, 8);
  } else if (size >= 4) {
    std::memcpy(to, from, 4);
    std::memcpy(to + size - 4, from + size - 4, 4);
  } else {
    for (std::size_t i = 0; i < size; ++i) to[i] = from[i];
  }
}

class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();

  // `bytes` may lie in this buffer only when the capacity suffices.
  void append(std::string_view bytes) {
    reserve_more(bytes.size());
    copy_short(data_ + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  void append(char byte) {
    reserve_more(1);
    data_[size_++] = byte;
  }
  // Room for `count` more bytes, which the caller fills.
  [[nodiscard]] char* extend(std::size_t count) {
    reserve_more(count);
    size_ += count;
    return data_ + size_ - count;
  }
  void append_number(std::uint64_t value);  // decimal
  void append_hex(std::uint64_t value);     // lower case, no leading zeros

  [[nodiscard]] std::string_view view() const noexcept { return {data_, size_}; }
  [[nodiscard]] const char* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

  // Keeps the memory.
  void clear() noexcept { size_ = 0; }
  // Gives it back.
  void release() noexcept { *this = Buffer(); }
  // Drops what was appended beyond `size`, which is at most size().
  void truncate(std::size_t size) noexcept { size_ = size; }
  // Drops `count` bytes from the front, at most size(); moves the rest.
  void consume(std::size_t count) noexcept;
  // Room for `bytes` in all.
  void reserve(std::size_t bytes) {
    if (bytes > capacity_) grow(bytes);
  }

 private:
  void reserve_more(std::size_t bytes) {
    if (bytes > capacity_ - size_) grow(size_ + bytes);
  }
  void grow(std::size_t least);

  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace outrigger
