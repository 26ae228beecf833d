// Memory of coroutine frames: per-thread free lists, one per 64-byte class. Frames never change
// threads, so nothing here locks. Under AddressSanitizer every frame is its own allocation, so that
// a use after free is seen. This is the project's only global state.
#pragma once

#include <cstddef>

namespace outrigger {

class FramePool {
 public:
  static void* take(std::size_t bytes);
  static void give(void* frame, std::size_t bytes) noexcept;
  // Frames alive on this thread: 0 after every test.
  static std::size_t live() noexcept;
};

}  // namespace outrigger
