#include "filters/hedge/latency_window.h"

#include <algorithm>
#include <cmath>

namespace outrigger::filters {

void LatencyWindow::add(Duration latency, TimePoint now) noexcept {
  samples_[next_] = {latency, now};
  next_ = (next_ + 1) % kSize;
  count_ = std::min(count_ + 1, kSize);
  ++since_;
}

std::optional<Duration> LatencyWindow::quantile(double part, TimePoint now) {
  const bool fresh = known_part_ == part && since_ < kFresh && now - known_at_ < kFreshFor;
  if (fresh && known_) return known_;
  std::array<Duration, kSize> young;
  std::size_t size = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    if (now - samples_[i].at <= kAge) young[size++] = samples_[i].latency;
  }
  since_ = 0;
  known_part_ = part;
  known_at_ = now;
  known_.reset();
  if (size < kLeast) return known_;
  const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(size)));
  const auto at =
      young.begin() + static_cast<std::ptrdiff_t>(std::clamp<std::size_t>(rank, 1, size) - 1);
  std::nth_element(young.begin(), at, young.begin() + static_cast<std::ptrdiff_t>(size));
  known_ = *at;
  return known_;
}

}  // namespace outrigger::filters
