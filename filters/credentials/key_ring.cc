#include "filters/credentials/key_ring.h"

#include <algorithm>

namespace outrigger::filters {

std::string_view to_string(Aside why) noexcept {
  return why == Aside::kAuth ? "auth" : "quota_exhausted";
}

std::optional<KeyRecord::Shut> KeyRecord::shut(TimePoint now) {
  if (!aside_.load(std::memory_order_acquire)) return std::nullopt;
  const std::scoped_lock lock(mutex_);
  if (why_ == Aside::kQuota && until_ <= now) {
    aside_.store(false, std::memory_order_release);
    return std::nullopt;
  }
  const TimePoint back = why_ == Aside::kQuota ? std::min(until_, next_probe_) : next_probe_;
  return Shut{why_, std::max(back - now, Duration{0})};
}

bool KeyRecord::take_probe(TimePoint now) {
  const std::scoped_lock lock(mutex_);
  if (!aside_.load(std::memory_order_relaxed) || now < next_probe_) return false;
  next_probe_ = now + kProbeEvery;
  return true;
}

// What is said of a key while it is set aside extends the time, and never shortens it.
bool KeyRecord::set_aside(Aside why, Duration wait, TimePoint now) {
  const std::scoped_lock lock(mutex_);
  const bool fresh = !aside_.load(std::memory_order_relaxed);
  if (fresh) until_ = now;
  if (fresh || (why == Aside::kAuth && why_ == Aside::kQuota)) {
    why_ = why;
    since_ = now;
  }
  until_ = std::max(until_, now + wait);
  if (fresh) next_probe_ = now + kProbeEvery;
  aside_.store(true, std::memory_order_release);
  return fresh;
}

bool KeyRecord::take_back(TimePoint began) {
  if (!aside_.load(std::memory_order_acquire)) return false;
  const std::scoped_lock lock(mutex_);
  if (began < since_) return false;
  return aside_.exchange(false, std::memory_order_release);
}

std::shared_ptr<KeyRing> SharedKeys::ring(std::string_view upstream,
                                          const std::vector<std::uint64_t>& hashes) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(rings_, [](const auto& ring) { return ring.expired(); });
  for (const auto& known : rings_) {
    auto ring = known.lock();
    if (ring != nullptr && ring->upstream() == upstream && ring->hashes() == hashes) return ring;
  }
  std::vector<std::shared_ptr<KeyRecord>> records;
  records.reserve(hashes.size());
  for (const std::uint64_t hash : hashes) records.push_back(record(upstream, hash));
  auto ring = std::make_shared<KeyRing>(std::string(upstream), hashes, std::move(records));
  rings_.push_back(ring);
  return ring;
}

std::shared_ptr<KeyRecord> SharedKeys::record(std::string_view upstream, std::uint64_t hash) {
  std::erase_if(records_, [](const Known& known) { return known.record.expired(); });
  for (const Known& known : records_) {
    if (known.hash != hash || known.upstream != upstream) continue;
    if (auto record = known.record.lock()) return record;
  }
  auto record = std::make_shared<KeyRecord>();
  records_.push_back({std::string(upstream), hash, record});
  return record;
}

std::vector<std::shared_ptr<KeyRing>> SharedKeys::all() const {
  std::vector<std::shared_ptr<KeyRing>> rings;
  const std::scoped_lock lock(mutex_);
  for (const auto& known : rings_) {
    if (auto ring = known.lock()) rings.push_back(std::move(ring));
  }
  return rings;
}

void log_key_change(Logger& logger, const KeyChange& change) {
  const auto position = static_cast<std::uint64_t>(change.position);
  const auto of = static_cast<std::uint64_t>(change.of);
  if (!change.why) {
    logger.info("credentials", "a key is back in use",
                {{"upstream", change.upstream}, {"position", position}, {"of", of}});
    return;
  }
  logger.warn("credentials", "a key is set aside",
              {{"upstream", change.upstream},
               {"position", position},
               {"of", of},
               {"ends_in", change.tail},
               {"why", to_string(*change.why)}});
}

}  // namespace outrigger::filters
