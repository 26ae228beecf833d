#include "proxy/connection_limits.h"

namespace outrigger {

void ConnectionLimits::set(std::uint32_t total, std::uint32_t per_client) {
  const std::lock_guard lock(mutex_);
  total_ = total;
  per_client_ = per_client;
}

ConnectionLimits::Verdict ConnectionLimits::admit(const SocketAddress& client) {
  const std::lock_guard lock(mutex_);
  if (open_ >= total_) return Verdict::kProcessLimit;
  std::uint32_t& mine = by_client_[std::string(client.bytes())];
  if (mine >= per_client_) return Verdict::kClientLimit;
  ++mine;
  ++open_;
  return Verdict::kAdmitted;
}

void ConnectionLimits::leave(const SocketAddress& client) {
  const std::lock_guard lock(mutex_);
  --open_;
  const auto at = by_client_.find(std::string(client.bytes()));
  if (--at->second == 0) by_client_.erase(at);
}

std::uint32_t ConnectionLimits::open() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

}  // namespace outrigger
