#include "proxy/base/bytes.h"

#include <cstdlib>
#include <limits>
#include <new>

namespace outrigger {
namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kPool = false;  // plain malloc, so that a use after free is seen
#else
constexpr bool kPool = true;
#endif
#else
constexpr bool kPool = true;
#endif

constexpr std::size_t kClasses[] = {256, 1024, 4096, 16384, 65536};
constexpr std::uint32_t kKeep[] = {1024, 1024, 512, 256, 64};  // free blocks kept a class
constexpr std::size_t kCount = sizeof kClasses / sizeof kClasses[0];

struct FreeBlock {
  FreeBlock* next;
};

// Without a destructor, so that using it needs no look whether it was constructed; what is free at
// the thread's end is given back by a Sweeper.
struct FreeLists {
  FreeBlock* free[kCount] = {};
  std::uint32_t count[kCount] = {};
  std::size_t live = 0;
};
constinit thread_local FreeLists lists;

struct Sweeper {
  ~Sweeper() { Block::trim(); }
};

std::size_t class_of(std::size_t capacity) noexcept {
  std::size_t i = 0;
  while (i < kCount && kClasses[i] < capacity) ++i;
  return i;
}

void* allocate(std::size_t capacity) {
  static thread_local Sweeper sweeper;
  (void)sweeper;
  void* memory = std::malloc(sizeof(Block) + capacity);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

Block* Block::make(std::size_t capacity) {
  if (capacity > std::numeric_limits<std::uint32_t>::max()) throw std::bad_alloc();
  const std::size_t size_class = class_of(capacity);
  // No capacity is kHolds: those below a class are rounded up.
  if (size_class < kCount) capacity = kClasses[size_class];
  void* memory = nullptr;
  if (size_class < kCount && lists.free[size_class] != nullptr) {
    memory = std::exchange(lists.free[size_class], lists.free[size_class]->next);
    --lists.count[size_class];
  } else {
    memory = allocate(capacity);
  }
  Block* block = new (memory) Block;
  block->capacity_ = static_cast<std::uint32_t>(capacity);
  ++lists.live;
  return block;
}

Block* Block::hold(Owner owner) {
  Block* block = make(kClasses[0]);
  new (block->data()) Owner(std::move(owner));
  block->capacity_ = kHolds;
  return block;
}

void Block::recycle() noexcept {
  if (holds()) {
    std::launder(reinterpret_cast<Owner*>(data()))->~Owner();
    capacity_ = kClasses[0];
  }
  --lists.live;
  const std::size_t size_class = class_of(capacity_);
  if (kPool && size_class < kCount && kClasses[size_class] == capacity_ &&
      lists.count[size_class] < kKeep[size_class]) {
    lists.free[size_class] = new (this) FreeBlock{lists.free[size_class]};
    ++lists.count[size_class];
    return;
  }
  std::free(this);
}

std::size_t Block::live() noexcept {
  return lists.live;
}

void Block::trim() noexcept {
  for (std::size_t i = 0; i < kCount; ++i) {
    while (lists.free[i] != nullptr) std::free(std::exchange(lists.free[i], lists.free[i]->next));
    lists.count[i] = 0;
  }
}

Slice Slice::copy(std::string_view text) {
  if (text.empty()) return {};
  Block* block = Block::make(text.size());
  std::memcpy(block->data(), text.data(), text.size());
  return {block, block->data(), text.size()};
}

Slice Slice::compact() const {
  if (block_ == nullptr || size_ * 4 >= block_->capacity()) return *this;
  return copy(view());
}

void SliceQueue::drop_front() noexcept {
  slices_[head_++] = {};
  if (head_ == slices_.size()) {
    clear();
  } else if (head_ > kKept && head_ * 2 > slices_.size()) {
    // At least as many were dropped as are moved: constant cost a slice, however long the queue.
    slices_.erase(slices_.begin(), slices_.begin() + static_cast<long>(head_));
    head_ = 0;
  }
}

void SliceQueue::clear() noexcept {
  slices_.clear();
  if (slices_.capacity() > kKept) std::vector<Slice>().swap(slices_);
  head_ = bytes_ = 0;
}

void SliceQueue::consume(std::size_t n) noexcept {
  bytes_ -= n;
  while (n > 0) {
    Slice& first = slices_[head_];
    if (n < first.size()) {
      first.remove_prefix(n);
      return;
    }
    n -= first.size();
    drop_front();
  }
}

}  // namespace outrigger
