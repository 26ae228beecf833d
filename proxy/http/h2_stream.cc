#include "proxy/http/h2_stream.h"

#include <cstring>
#include <utility>

namespace outrigger::http {
namespace {

constexpr std::size_t kRun = 16384;  // most that is merged into one block

// A slice that uses its block well stays; literals have none.
bool thrifty(const Slice& slice) noexcept {
  return slice.block() == nullptr || slice.size() * 4 >= slice.block()->capacity();
}

// Copies `run` slices of `bytes` together from the front of `from`.
Slice merge(SliceQueue& from, std::size_t run, std::size_t bytes) {
  Block* block = Block::make(bytes);
  std::size_t at = 0;
  for (; run > 0; --run) {
    const Slice part = from.pop();
    std::memcpy(block->data() + at, part.data(), part.size());
    at += part.size();
  }
  return {block, block->data(), bytes};
}

}  // namespace

void compact(SliceQueue& queue) {
  SliceQueue packed;
  while (!queue.empty()) {
    std::size_t run = 0;
    std::size_t bytes = 0;
    for (const Slice& slice : queue) {
      if (thrifty(slice) || (run > 0 && bytes + slice.size() > kRun)) break;
      ++run;
      bytes += slice.size();
    }
    packed.push(run == 0 ? queue.pop() : merge(queue, run, bytes));
  }
  queue = std::move(packed);
}

}  // namespace outrigger::http
