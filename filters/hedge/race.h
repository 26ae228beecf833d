// Several requests for one exchange, of which the first good answer counts. When one starts is
// Hedge's to say: the second when the first is late, and none because one has failed. Lives in the
// frame of Hedge::handle.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "filters/hedge/lane.h"

namespace outrigger::filters {

class Race {
 public:
  Race(Exchange& exchange, Next next, Slice body) noexcept
      : exchange_(exchange), next_(next), body_(std::move(body)) {}
  Race(const Race&) = delete;
  Race& operator=(const Race&) = delete;

  // One more request, away from the endpoints that the others use.
  void start();
  [[nodiscard]] std::size_t lanes() const noexcept { return lanes_.size(); }
  // Until a lane has ended, or, where it is given, a time has passed. Error: nobody waits.
  enum class Waited : std::uint8_t { kEnded, kLate };
  Task<Result<Waited>> wait(std::optional<Duration> most);
  // The one whose outcome settles it; nullptr: none so far.
  [[nodiscard]] Lane* winner() noexcept;
  [[nodiscard]] bool all_ended() const noexcept;
  [[nodiscard]] Lane& first() const noexcept { return *lanes_.front(); }
  [[nodiscard]] bool is_first(const Lane& lane) const noexcept {
    return &lane == lanes_.front().get();
  }

  // Ends the others and waits until they have; then the outcome of `chosen`, whose attempts come
  // last.
  Task<Result<http::Response>> finish(Lane& chosen);
  // Ends all of them, because nobody waits for an answer.
  Task<void> abandon();

 private:
  Task<void> end_all_but(const Lane* chosen);
  void merge_all_but(const Lane* chosen);

  Exchange& exchange_;
  Next next_;
  Slice body_;
  Signal changed_;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace outrigger::filters
