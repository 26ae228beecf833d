#include "proxy/runtime/frame_pool.h"

#include <cstdlib>
#include <new>
#include <utility>

namespace outrigger {

constinit thread_local FramePool::Lists FramePool::lists_;

struct FramePool::Sweeper {
  ~Sweeper() {
    for (Node*& head : lists_.free) {
      while (head != nullptr) std::free(std::exchange(head, head->next));
    }
  }
};

void* FramePool::allocate(std::size_t size_class) {
  static thread_local Sweeper sweeper;
  (void)sweeper;
  void* memory = std::malloc(size_class * kGrain);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void FramePool::release(void* frame) noexcept {
  std::free(frame);
}

}  // namespace outrigger
