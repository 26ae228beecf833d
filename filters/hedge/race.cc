#include "filters/hedge/race.h"

#include <algorithm>
#include <utility>

namespace outrigger::filters {
namespace {

constexpr std::string_view kLate = "late";

}  // namespace

void Race::start() {
  std::uint64_t used = 0;
  for (const auto& lane : lanes_) used |= lane->endpoints();
  lanes_.push_back(std::make_unique<Lane>(exchange_, body_, used, [this] { changed_.notify(); }));
  lanes_.back()->start(next_);
}

Task<Result<Race::Waited>> Race::wait(std::optional<Duration> most) {
  CancelScope scope(*exchange_.scope);
  DeadlineTimer timer(exchange_.loop, scope);
  if (most) timer.start(*most, {Errc::kTimeout, Origin::kProxy, kLate});
  const Status waited = co_await changed_.wait(scope);
  if (waited) co_return Waited::kEnded;
  if (waited.error().reason == kLate) co_return Waited::kLate;
  co_return std::unexpected(waited.error());
}

Lane* Race::winner() noexcept {
  const auto found = std::ranges::find_if(lanes_, [](const auto& lane) { return lane->settles(); });
  return found == lanes_.end() ? nullptr : found->get();
}

bool Race::all_ended() const noexcept {
  return std::ranges::all_of(lanes_, [](const auto& lane) { return lane->ended(); });
}

// What is cancelled ends within a turn of the loop: every wait of it takes its scope.
Task<void> Race::end_all_but(const Lane* chosen) {
  CancelScope unhurried;
  for (const auto& lane : lanes_) {
    if (lane.get() != chosen) lane->cancel();
  }
  const auto over = [&](const auto& lane) { return lane.get() == chosen || lane->ended(); };
  while (!std::ranges::all_of(lanes_, over)) static_cast<void>(co_await changed_.wait(unhurried));
}

void Race::merge_all_but(const Lane* chosen) {
  for (const auto& lane : lanes_) {
    if (lane.get() != chosen) lane->merge();
  }
}

Task<Result<http::Response>> Race::finish(Lane& chosen) {
  co_await end_all_but(&chosen);
  merge_all_but(&chosen);
  chosen.merge();
  Result<http::Response> outcome = chosen.take();
  if (!outcome || outcome->body.source() == nullptr) co_return outcome;
  const auto mine =
      std::ranges::find_if(lanes_, [&](const auto& lane) { return lane.get() == &chosen; });
  outcome->body.wrap_source([&](std::unique_ptr<http::BodySource> inner) {
    return std::make_unique<LaneBody>(std::move(*mine), std::move(inner));
  });
  lanes_.erase(mine);
  co_return outcome;
}

Task<void> Race::abandon() {
  co_await end_all_but(nullptr);
  merge_all_but(nullptr);
}

}  // namespace outrigger::filters
