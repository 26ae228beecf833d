// Reference-counted slices of byte blocks: how payload moves through the proxy without a copy. A
// Block belongs to one worker thread (its count is not atomic); what crosses threads is copied, or
// shared by owners of its own (Slice::held).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outrigger {

// Storage behind slices: a header followed by its bytes, or by what keeps bytes elsewhere alive.
// Blocks of the common sizes come from a per-thread free list.
class Block {
 public:
  // Count 1. Throws std::bad_alloc, also above 4 GiB: a capacity is 32 bits.
  static Block* make(std::size_t capacity);
  // Count 1, and no room: lets `owner` go when the last slice goes.
  static Block* hold(std::shared_ptr<const void> owner);
  void ref() noexcept { ++count_; }
  void unref() noexcept {
    if (--count_ == 0) recycle();
  }
  [[nodiscard]] bool shared() const noexcept { return count_ > 1; }
  [[nodiscard]] char* data() noexcept { return reinterpret_cast<char*>(this + 1); }
  // 0 where it holds what is not its own.
  [[nodiscard]] std::size_t capacity() const noexcept { return holds() ? 0 : capacity_; }

  // Blocks alive on this thread, free ones not counted: 0 after every test.
  static std::size_t live() noexcept;
  // Gives the thread's free blocks back to the heap.
  static void trim() noexcept;

 private:
  using Owner = std::shared_ptr<const void>;
  static constexpr std::uint32_t kHolds = 1;  // a capacity that no block of its own bytes has
  [[nodiscard]] bool holds() const noexcept { return capacity_ == kHolds; }
  void recycle() noexcept;
  std::uint32_t count_ = 1;
  std::uint32_t capacity_ = 0;
};

// A view of part of a block that keeps the block alive. Cheap to copy and to cut.
class Slice {
 public:
  Slice() = default;
  // Adopts one reference of `block`.
  Slice(Block* block, const char* data, std::size_t size) noexcept
      : block_(block), data_(data), size_(size) {}
  Slice(const Slice& o) noexcept : block_(o.block_), data_(o.data_), size_(o.size_) {
    if (block_ != nullptr) block_->ref();
  }
  Slice(Slice&& o) noexcept
      : block_(std::exchange(o.block_, nullptr)),
        data_(std::exchange(o.data_, nullptr)),
        size_(std::exchange(o.size_, 0)) {}
  Slice& operator=(Slice o) noexcept {
    std::swap(block_, o.block_);
    std::swap(data_, o.data_);
    std::swap(size_, o.size_);
    return *this;
  }
  ~Slice() {
    if (block_ != nullptr) block_->unref();
  }

  static Slice copy(std::string_view text);
  // Refers to bytes that live for ever (a literal): no block.
  static Slice literal(std::string_view text) noexcept {
    return {nullptr, text.data(), text.size()};
  }

  // Refers to bytes that `owner` keeps: any thread may have it too.
  static Slice held(std::shared_ptr<const void> owner, std::string_view text) {
    return {Block::hold(std::move(owner)), text.data(), text.size()};
  }

  [[nodiscard]] const char* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::string_view view() const noexcept { return {data_, size_}; }
  [[nodiscard]] Block* block() const noexcept { return block_; }

  void remove_prefix(std::size_t n) noexcept { data_ += n, size_ -= n; }
  void truncate(std::size_t n) noexcept { size_ = n < size_ ? n : size_; }
  // The part of this slice that `part`, a view into it, covers.
  [[nodiscard]] Slice sub(std::string_view part) const noexcept {
    if (block_ != nullptr) block_->ref();
    return {block_, part.data(), part.size()};
  }
  // Itself, or a right-sized copy when it would keep a much larger block alive while it waits.
  [[nodiscard]] Slice compact() const;

 private:
  Block* block_ = nullptr;
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

// A queue of slices with its byte count. Empty, it keeps room for kKept slices at most, so that an
// idle stream does not pay for its busiest moment.
class SliceQueue {
 public:
  void push(Slice slice) {
    if (slice.empty()) return;
    bytes_ += slice.size();
    slices_.push_back(std::move(slice));
  }
  [[nodiscard]] Slice pop() {
    Slice first = std::move(slices_[head_]);
    bytes_ -= first.size();
    drop_front();
    return first;
  }
  [[nodiscard]] Slice& front() noexcept { return slices_[head_]; }
  // Drops n bytes from the front.
  void consume(std::size_t n) noexcept;
  [[nodiscard]] bool empty() const noexcept { return head_ == slices_.size(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t size() const noexcept { return slices_.size() - head_; }
  [[nodiscard]] auto begin() const noexcept { return slices_.begin() + static_cast<long>(head_); }
  [[nodiscard]] auto end() const noexcept { return slices_.end(); }
  void clear() noexcept;
  // Slices that fit without another allocation.
  [[nodiscard]] std::size_t capacity() const noexcept { return slices_.capacity(); }
  static constexpr std::size_t kKept = 64;

 private:
  void drop_front() noexcept;
  std::vector<Slice> slices_;
  std::size_t head_ = 0;  // slices before it are gone
  std::size_t bytes_ = 0;
};

}  // namespace outrigger
