// Memory of coroutine frames: per-thread free lists, one per 64-byte class. Frames never change
// threads, so nothing here locks. Under AddressSanitizer every frame is its own allocation, so that
// a use after free is seen. This is the project's only global state.
#pragma once

#include <cstddef>

namespace outrigger {

class FramePool {
 public:
  static void* take(std::size_t bytes) {
    const std::size_t size_class = (bytes + kGrain - 1) / kGrain;
    ++lists_.live;
    if (kPooled && size_class <= kClasses) [[likely]] {
      if (Node* node = lists_.free[size_class]) {
        lists_.free[size_class] = node->next;
        return node;
      }
    }
    return allocate(size_class);
  }
  static void give(void* frame, std::size_t bytes) noexcept {
    const std::size_t size_class = (bytes + kGrain - 1) / kGrain;
    --lists_.live;
    if (kPooled && size_class <= kClasses) [[likely]] {
      auto* node = static_cast<Node*>(frame);
      node->next = lists_.free[size_class];
      lists_.free[size_class] = node;
      return;
    }
    release(frame);
  }
  // Frames alive on this thread: 0 after every test.
  static std::size_t live() noexcept { return lists_.live; }

 private:
#if defined(__has_feature)
  static constexpr bool kPooled = !__has_feature(address_sanitizer);
#else
  static constexpr bool kPooled = true;
#endif
  static constexpr std::size_t kGrain = 64;
  static constexpr std::size_t kClasses = 64;
  struct Node {
    Node* next;
  };
  // Without a destructor, so that using it needs no look whether it was constructed; what is free
  // at the thread's end is given back by a Sweeper.
  struct Lists {
    Node* free[kClasses + 1] = {};
    std::size_t live = 0;
  };
  struct Sweeper;
  static void* allocate(std::size_t size_class);
  static void release(void* frame) noexcept;

  static constinit thread_local Lists lists_;
};

// Takes the memory of containers that live and die with an exchange from the same lists.
template <class T>
struct FrameAllocator {
  using value_type = T;
  FrameAllocator() = default;
  template <class U>
  FrameAllocator(const FrameAllocator<U>&) noexcept {}
  T* allocate(std::size_t n) { return static_cast<T*>(FramePool::take(n * sizeof(T))); }
  void deallocate(T* memory, std::size_t n) noexcept { FramePool::give(memory, n * sizeof(T)); }
  bool operator==(const FrameAllocator&) const = default;
};

}  // namespace outrigger
