#include "proxy/runtime/frame_pool.h"

#include <cstdlib>
#include <new>

namespace outrigger {
namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kPool = false;
#else
constexpr bool kPool = true;
#endif
#else
constexpr bool kPool = true;
#endif

constexpr std::size_t kGrain = 64;
constexpr std::size_t kClasses = 64;

struct Node {
  Node* next;
};

struct Lists {
  Node* free[kClasses + 1] = {};
  std::size_t live = 0;
  ~Lists() {
    for (Node* head : free) {
      while (head != nullptr) {
        Node* next = head->next;
        std::free(head);
        head = next;
      }
    }
  }
};
thread_local Lists lists;

}  // namespace

void* FramePool::take(std::size_t bytes) {
  const std::size_t size_class = (bytes + kGrain - 1) / kGrain;
  ++lists.live;
  if (kPool && size_class <= kClasses) {
    if (Node* node = lists.free[size_class]) {
      lists.free[size_class] = node->next;
      return node;
    }
  }
  void* memory = std::malloc(size_class * kGrain);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void FramePool::give(void* frame, std::size_t bytes) noexcept {
  --lists.live;
  const std::size_t size_class = (bytes + kGrain - 1) / kGrain;
  if (kPool && size_class <= kClasses) {
    auto* node = static_cast<Node*>(frame);
    node->next = lists.free[size_class];
    lists.free[size_class] = node;
    return;
  }
  std::free(frame);
}

std::size_t FramePool::live() noexcept {
  return lists.live;
}

}  // namespace outrigger
