#include "filters/credentials/key_choice.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

namespace outrigger::filters {
namespace {

// Nobody says when money comes back: so long until the next look.
constexpr Duration kUnhintedQuota = 1min;

// The last characters of a key, by which its owner knows it; none of a key so short that they would
// tell much of it.
std::string_view tail_of(std::string_view key) noexcept {
  return key.size() < 16 ? std::string_view() : key.substr(key.size() - 4);
}

}  // namespace

KeyChoice::Look KeyChoice::look(std::size_t key) {
  const TimePoint now = exchange_.loop.now();
  const std::uint64_t hash = route_.ring->hash(key);
  if (const auto shut = route_.ring->record(key).shut(now)) return {Rank::kAside, shut->left};
  if (const auto cooling = route_.cooldowns.peek(route_.upstream, exchange_.model, hash, now)) {
    // A quota that was exhausted before a restart: the cooldown outlived it.
    const auto whole = route_.cooldowns.peek(route_.upstream, {}, hash, now);
    if (!whole || whole->verdict != Verdict::kQuotaExhausted) {
      return {Rank::kCooling, cooling->left};
    }
    set_aside(key, Aside::kQuota, whole->left);
    return {Rank::kAside, whole->left};
  }
  if (refused_by_breaker(hash)) return {Rank::kCooling, SharedCooldowns::kLongest};
  return {is_worn(key) ? Rank::kWorn : Rank::kReady, {}};
}

// Only a look: the breaker itself is asked by its filter.
bool KeyChoice::refused_by_breaker(std::uint64_t credential) const {
  if (route_.breakers == nullptr) return false;
  const TimePoint now = exchange_.loop.now();
  const KeyView key{.model = route_.by_model ? exchange_.model : std::string_view(),
                    .credential = credential,
                    .endpoint = {}};
  const Pinned breaker = route_.breakers->of(key, now);
  if (breaker->quiet()) return false;
  const BreakerStatus status = breaker->status(now);
  if (status.state == BreakerState::kForcedOpen) return true;
  return status.state == BreakerState::kOpen && status.next_probe.value_or(1s) > Duration{0};
}

Status KeyChoice::choose() {
  take_off();
  const std::size_t start = route_.ring->next();
  const std::size_t count = route_.ring->size();
  // The request of a route that repeats costs its client nothing when the key still does not work.
  if (route_.repeats) {
    if (const auto probe = pick_probe(start)) {
      put_on(*probe);
      return {};
    }
  }
  std::optional<std::size_t> best;
  Look of_best{Rank::kAside, {}};
  for (std::size_t i = 0; i < count && of_best.rank != Rank::kReady; ++i) {
    const std::size_t key = (start + i) % count;
    const Look it = look(key);
    if (it.rank == Rank::kAside) continue;
    const bool better =
        it.rank < of_best.rank || (it.rank == of_best.rank && it.left < of_best.left);
    if (best && !better) continue;
    best = key;
    of_best = it;
  }
  if (!best) best = pick_probe(start);
  if (!best) return exhausted();
  put_on(*best);
  return {};
}

std::optional<std::size_t> KeyChoice::pick_probe(std::size_t start) {
  if (probed_) return std::nullopt;
  const TimePoint now = exchange_.loop.now();
  const std::size_t count = route_.ring->size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t key = (start + i) % count;
    KeyRecord& record = route_.ring->record(key);
    if (!record.shut(now) || !record.take_probe(now)) continue;
    probing_ = probed_ = true;
    return key;
  }
  return std::nullopt;
}

void KeyChoice::put_on(std::size_t key) {
  const std::string& name = route_.policy.header;
  exchange_.request.head.headers.add_view(http::header_id(name), name, route_.values[key].reveal());
  exchange_.credential = route_.ring->hash(key);
  exchange_.retry_after.reset();
  key_ = key;
}

void KeyChoice::take_off() {
  if (!std::exchange(key_, std::nullopt)) return;
  exchange_.request.head.headers.remove(route_.policy.header);
  probing_ = false;
}

void KeyChoice::learn() {
  if (!key_ || exchange_.attempts.empty()) return;
  const Attempt& last = exchange_.attempts.back();
  if (!last.judged) return;
  if (last.verdict == Verdict::kOk) return note_success(last);
  note_failure(last);
  if (route_.repeats || !last.hint || !begins_cooldown(last.verdict)) return;
  // Where nobody repeats nobody else notes the pause.
  const auto pause = cooldown_key(route_.upstream, exchange_.model, exchange_.credential,
                                  last.scope, last.verdict);
  if (pause) route_.cooldowns.extend(*pause, last.verdict, *last.hint, exchange_.loop.now());
}

void KeyChoice::note_failure(const Attempt& last) {
  const std::uint64_t bit = std::uint64_t{1} << *key_;
  const bool whole = last.scope == config::Scope::kCredential;
  switch (last.verdict) {
    case Verdict::kThrottled:
      worn_ |= bit;
      break;
    case Verdict::kQuotaExhausted:
      worn_ |= bit;
      if (whole || last.scope == config::Scope::kDefault) {
        set_aside(*key_, Aside::kQuota, last.hint.value_or(kUnhintedQuota));
      }
      break;
    case Verdict::kAuth:
      worn_ |= bit;
      // A 403 may be about what was asked: another key's success with the same request tells. Else
      // one caller who asks for what is forbidden would take the keys from all.
      if (last.status == 403 && !whole) {
        suspects_ |= bit;
      } else {
        set_aside(*key_, Aside::kAuth, {});
      }
      break;
    default:
      break;
  }
}

void KeyChoice::note_success(const Attempt& last) {
  if (route_.ring->record(*key_).take_back(last.started)) {
    route_.keys.tell({route_.upstream, *key_ + 1, route_.ring->size(), {}, std::nullopt});
  }
  for (std::size_t key = 0; suspects_ != 0; ++key, suspects_ >>= 1) {
    if ((suspects_ & 1) != 0 && key != *key_) set_aside(key, Aside::kAuth, {});
  }
}

void KeyChoice::set_aside(std::size_t key, Aside why, Duration wait) {
  if (!route_.ring->record(key).set_aside(why, wait, exchange_.loop.now())) return;
  route_.keys.tell({route_.upstream, key + 1, route_.ring->size(),
                    tail_of(route_.policy.keys[key].reveal()), why});
}

bool KeyChoice::another() {
  for (std::size_t key = 0; key < route_.ring->size(); ++key) {
    if (key != key_ && look(key).rank == Rank::kReady) return true;
  }
  return false;
}

std::optional<Duration> KeyChoice::soonest() {
  std::optional<Duration> least;
  for (std::size_t key = 0; key < route_.ring->size(); ++key) {
    const Look it = look(key);
    if (it.rank != Rank::kAside && (!least || it.left < *least)) least = it.left;
  }
  return least;
}

std::unexpected<Error> KeyChoice::exhausted() {
  const TimePoint now = exchange_.loop.now();
  std::size_t refused = 0;
  std::size_t poor = 0;
  std::optional<Duration> soonest;
  for (std::size_t key = 0; key < route_.ring->size(); ++key) {
    const auto shut = route_.ring->record(key).shut(now);
    if (!shut) continue;
    ++(shut->why == Aside::kAuth ? refused : poor);
    if (!soonest || shut->left < *soonest) soonest = shut->left;
  }
  exchange_.retry_after = std::max(soonest.value_or(1s), Duration{1s});
  std::string why;
  if (refused != 0) why = fmt::format("{} refused ({})", refused, to_string(Aside::kAuth));
  if (poor != 0) {
    why += fmt::format("{}{} out of money ({})", why.empty() ? "" : ", ", poor,
                       to_string(Aside::kQuota));
  }
  return fail(Errc::kOverload, Origin::kProxy, "credentials_exhausted",
              fmt::format("of the {} keys of {}: {}", route_.ring->size(), route_.upstream, why));
}

}  // namespace outrigger::filters
