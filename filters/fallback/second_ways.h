// The bookkeeping of one exchange's second ways: which is next, what the request becomes for it,
// and what the client is told when all have failed. Lives in the frame of Fallback::handle.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "filters/exchange.h"
#include "filters/fallback/detour.h"
#include "filters/fallback/switchboard.h"
#include "filters/intake/edited_body.h"
#include "filters/intake/rewinder.h"

namespace outrigger::filters {

class SecondWays {
 public:
  // All outlive it.
  SecondWays(const config::Policies& policies, const Switchboard& switchboard, Exchange& exchange);
  SecondWays(const SecondWays&) = delete;
  SecondWays& operator=(const SecondWays&) = delete;
  ~SecondWays();

  // The first way that was not tried, fits the outcome and may be taken; nullptr: none.
  [[nodiscard]] const config::Fallback* next(const Result<http::Response>& outcome);
  // Makes the request what the way wants of it, and keeps the failed outcome for the case that no
  // better one comes. Error: it cannot be made so; the way is not to be taken, and the request is
  // as it was before.
  Task<Status> turn_to(const config::Fallback& way, Result<http::Response>& failed);
  // The chain for it.
  [[nodiscard]] Next chain() const noexcept { return switchboard_.enter(exchange_.routed); }

  // The ends.
  http::Response answer(const config::Fallback& way);
  http::Response stale(const config::Fallback& way);
  Result<http::Response> finish(Result<http::Response> outcome);

 private:
  // A failed outcome with what the exchange knew of it.
  struct Failure {
    Result<http::Response> outcome;
    std::uint16_t give_up_status;
  };
  // What the request was before any way was taken.
  struct Original {
    upstream::Routed routed;
    std::string_view target;
    std::string_view model;
    std::uint64_t credential;
    std::vector<http::Field> fields;
  };

  void let_go(Result<http::Response>& failed);
  void set_aside(Result<http::Response> failed);
  void restore();
  void restore_head();
  void enter(const config::Fallback& way, std::uint32_t upstream, const Detour& detour);
  Task<Result<std::string>> whole_body(Result<http::Response>& failed);
  [[nodiscard]] bool edits(const config::Fallback& way) const noexcept;
  [[nodiscard]] bool leaves(const config::Fallback& way) const noexcept;
  [[nodiscard]] std::string_view below_base(const upstream::Routed& routed) const noexcept;
  void note_come_back(const Result<http::Response>& outcome);

  const config::Policies& policies_;
  const Switchboard& switchboard_;
  Exchange& exchange_;
  Rewinder body_;
  config::Replay replay_;
  std::uint64_t tried_ = 0;  // a bit a way
  std::size_t first_ = 0;    // attempt of the way under way
  const config::Fallback* taken_ = nullptr;
  std::optional<Original> original_;
  std::optional<ClientBody> kept_body_;  // while an edited one is sent
  std::optional<Failure> best_;
  std::optional<Duration> come_back_;  // the least that any of them named
};

// A body that is edited is read into memory; a longer one is not edited.
inline constexpr std::size_t kLongestEdit = 16 * 1024 * 1024;

}  // namespace outrigger::filters
