#include "filters/limits/fair_queue.h"

#include <algorithm>
#include <iterator>

namespace outrigger::filters {
namespace {

Load part_of(const Load& load, double part) noexcept {
  return {.requests = load.requests * part,
          .prompt_tokens = load.prompt_tokens * part,
          .answer_tokens = load.answer_tokens * part};
}

}  // namespace

FairQueue::Turn FairQueue::turn_of(std::uint64_t key, const Caller& caller) noexcept {
  const Place& next = **caller.places.begin();
  return {caller.given + next.cost, caller.joined, key};
}

void FairQueue::push(Place& place) {
  place.number = ++numbers_;
  const auto [found, is_new] = callers_.try_emplace(place.caller);
  Caller& caller = found->second;
  if (is_new) {
    caller.joined = place.number;
    caller.given = clock_;  // what it was not given while it wanted nothing is not owed to it
  } else {
    turns_.erase(turn_of(place.caller, caller));
  }
  caller.places.insert(&place);
  caller.cost += place.cost;
  caller.load += place.load;
  turns_.insert(turn_of(place.caller, caller));
  ++size_;
}

void FairQueue::take_out(Place& place, Caller& caller) {
  turns_.erase(turn_of(place.caller, caller));
  caller.places.erase(&place);
  caller.cost -= place.cost;
  caller.load -= place.load;
  --size_;
}

void FairQueue::remove(Place& place) {
  const auto found = callers_.find(place.caller);
  take_out(place, found->second);
  if (found->second.places.empty()) {
    callers_.erase(found);
  } else {
    turns_.insert(turn_of(place.caller, found->second));
  }
}

void FairQueue::serve(Place& place) {
  const bool in_order = first() == &place;
  Caller& caller = callers_.find(place.caller)->second;
  take_out(place, caller);
  caller.given += place.cost;
  if (in_order) clock_ = std::max(clock_, caller.given);
  if (caller.places.empty()) {
    callers_.erase(place.caller);
  } else {
    turns_.insert(turn_of(place.caller, caller));
  }
}

Place* FairQueue::first() const noexcept {
  return turns_.empty() ? nullptr : *callers_.find(turns_.begin()->caller)->second.places.begin();
}

std::size_t FairQueue::next_in_turn(std::span<Place*> room) const noexcept {
  std::size_t count = 0;
  for (auto turn = turns_.begin(); turn != turns_.end() && count < room.size(); ++turn) {
    if (turn == turns_.begin()) continue;
    room[count++] = *callers_.find(turn->caller)->second.places.begin();
  }
  return count;
}

double FairQueue::lead_of(const Place& place) const noexcept {
  return callers_.find(place.caller)->second.given + place.cost - turns_.begin()->finish;
}

Load FairQueue::ahead_of(const Place& place) const {
  Load ahead;
  double finish = clock_ + place.cost;
  if (const auto own = callers_.find(place.caller); own != callers_.end()) {
    finish = own->second.given + place.cost;
    for (const Place* other : own->second.places) {
      if (other->deadline > place.deadline) break;
      ahead += other->load;
      finish += other->cost;
    }
  }
  for (const auto& [key, caller] : callers_) {
    if (key == place.caller || caller.given >= finish) continue;
    ahead += part_of(caller.load, std::min((finish - caller.given) / caller.cost, 1.0));
  }
  return ahead;
}

}  // namespace outrigger::filters
