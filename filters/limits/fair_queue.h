// The order in which those who wait for a limit get their turn. Pure; the owner locks.
//
// Callers are held equal by what they take, not by how many they send: the next is the caller who,
// after its next request, will have been given least (self-clocked fair queueing, Golestani 1994:
// deficit round robin without the rounds). So a request that takes much waits until the others have
// been given as much, and nobody waits for more than that. Of one caller the request with the
// earliest deadline goes first, then the one that came first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <set>
#include <span>
#include <unordered_map>

#include "filters/limits/limit_core.h"

namespace outrigger::filters {

inline constexpr TimePoint kNoDeadline{Duration::max()};

// One place in the queue; whoever waits owns it, and keeps it still while it is in the queue.
struct Place {
  std::uint64_t caller = 0;
  TimePoint deadline = kNoDeadline;
  Load load;
  double cost = 1;           // more than 0
  std::uint64_t number = 0;  // of its arrival, given by the queue
};

class FairQueue {
 public:
  void push(Place& place);
  // It leaves without a turn.
  void remove(Place& place);
  // It had its turn, in order or before it: its caller is charged.
  void serve(Place& place);

  // Whose turn it is; nullptr when nobody waits.
  [[nodiscard]] Place* first() const noexcept;
  // The first places of the next callers in turn, without the very first; at most `room`. Returns
  // how many.
  std::size_t next_in_turn(std::span<Place*> room) const noexcept;
  // How much more its caller will have been given by its turn than that of the very first.
  [[nodiscard]] double lead_of(const Place& place) const noexcept;
  // What will have been taken when a place like this, not yet in the queue, has its turn, if nobody
  // else comes.
  [[nodiscard]] Load ahead_of(const Place& place) const;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t callers() const noexcept { return callers_.size(); }

 private:
  struct ByDeadline {
    bool operator()(const Place* a, const Place* b) const noexcept {
      if (a->deadline != b->deadline) return a->deadline < b->deadline;
      return a->number < b->number;
    }
  };
  struct Caller {
    double given = 0;          // so far, on the queue's clock
    std::uint64_t joined = 0;  // number of its first place: between equals the earlier goes first
    double cost = 0;           // of all its places
    Load load;                 // the same
    std::set<Place*, ByDeadline> places;
  };
  struct Turn {
    double finish;  // what its caller will have been given
    std::uint64_t joined;
    std::uint64_t caller;
    auto operator<=>(const Turn&) const = default;
  };
  static Turn turn_of(std::uint64_t key, const Caller& caller) noexcept;
  void take_out(Place& place, Caller& caller);

  std::unordered_map<std::uint64_t, Caller> callers_;
  std::set<Turn> turns_;  // one a caller
  double clock_ = 0;      // what the one that was served last has been given
  std::uint64_t numbers_ = 0;
  std::size_t size_ = 0;
};

}  // namespace outrigger::filters
