#include "filters/cache/flights.h"

#include <cstring>
#include <utility>

namespace outrigger::filters {
namespace {

constexpr std::uint64_t kTimeMask = 0xffffffff;

// Keys are hashes: any part of one is as good as another.
std::uint64_t part_of(const CacheKey& key, std::size_t at) noexcept {
  std::uint64_t part = 0;
  std::memcpy(&part, key.data() + at, sizeof part);
  return part;
}

std::uint64_t name_of(const CacheKey& key) noexcept {
  return part_of(key, 16) & ~kTimeMask;
}

}  // namespace

std::size_t Flights::Hash::operator()(const CacheKey& key) const noexcept {
  return part_of(key, 8);
}

Flights::Boarding Flights::board(const CacheKey& key, Dispatcher& leader, std::string_view owner) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto [place, is_new] = shard.flights.try_emplace(key);
  if (is_new) place->second = std::make_shared<Flight>(leader, std::string(owner));
  return {place->second, is_new};
}

void Flights::add(const CacheKey& key, Flight& flight) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  if (shard.flights.try_emplace(key, flight.shared_from_this()).second) flight.also = key;
}

void Flights::land(const CacheKey& key, const Flight& flight) {
  std::shared_ptr<Flight> landed;  // goes outside the lock
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto place = shard.flights.find(key);
  if (place == shard.flights.end() || place->second.get() != &flight) return;
  landed = std::move(place->second);
  shard.flights.erase(place);
}

void Flights::outdate(const CacheKey& key) {
  std::shared_ptr<Flight> outdated;
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto place = shard.flights.find(key);
  if (place == shard.flights.end()) return;
  place->second->outdated.store(true, std::memory_order_release);
  outdated = std::move(place->second);
  shard.flights.erase(place);
}

void Flights::pass_until(const CacheKey& key, std::int64_t seconds) noexcept {
  const std::uint64_t mark = name_of(key) | (static_cast<std::uint64_t>(seconds) & kTimeMask);
  passing_[part_of(key, 24) % kPassing].store(mark, std::memory_order_relaxed);
}

bool Flights::passes(const CacheKey& key, std::int64_t now) const noexcept {
  const std::uint64_t mark = passing_[part_of(key, 24) % kPassing].load(std::memory_order_relaxed);
  return (mark & ~kTimeMask) == name_of(key) && static_cast<std::int64_t>(mark & kTimeMask) > now;
}

}  // namespace outrigger::filters
