#include "proxy/base/secret.h"

#include <cstring>

namespace outrigger {

Secret& Secret::operator=(const Secret& other) {
  if (this != &other) {
    wipe();  // first: the assignment may give the old storage back to the heap
    value_ = other.value_;
  }
  return *this;
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    value_ = std::move(other.value_);
    other.wipe();
  }
  return *this;
}

bool Secret::equals(std::string_view other) const noexcept {
  unsigned difference = value_.size() == other.size() ? 0 : 1;
  for (std::size_t i = 0; i < value_.size(); ++i) {
    const char there = other.empty() ? 0 : other[i % other.size()];
    difference |= static_cast<unsigned char>(value_[i] ^ there);
  }
  return difference == 0;
}

void Secret::wipe(std::string& bytes) noexcept {
  // The whole capacity: a moved-from or shortened string still holds old bytes behind its end.
  // explicit_bzero is not removed by the optimiser, unlike memset.
  bytes.resize(bytes.capacity());
  explicit_bzero(bytes.data(), bytes.size());
  bytes.clear();
}

}  // namespace outrigger
