// The end of the chain in a simulated world: endpoints that do as the dice say, tried and written
// down as upstream::Cluster does it.
#pragma once

#include <string_view>
#include <vector>

#include "filters/filter.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/ledger.h"
#include "tests/simulation/referee.h"

namespace outrigger::simulation {

class ScriptedUpstream final : public filters::Filter {
 public:
  ScriptedUpstream(Dice& dice, Ledger& ledger, Referee& referee, const config::Upstream& upstream);
  [[nodiscard]] std::string_view name() const noexcept override { return "scripted_upstream"; }
  Task<Result<http::Response>> handle(filters::Exchange& exchange, filters::Next) override;

 private:
  using Outcome = Task<Result<http::Response>>;
  [[nodiscard]] std::optional<std::size_t> pick(std::uint64_t tried,
                                                const filters::Exchange& exchange);
  Outcome try_endpoint(filters::Exchange& exchange, Visit& visit, Call& call, std::size_t endpoint);
  Task<Status> connect(filters::Exchange& exchange, Call& call, bool ill);
  Task<Status> send(filters::Exchange& exchange, Visit& visit, Call& call, bool ill);
  Outcome answer(filters::Exchange& exchange, Visit& visit, Call& call, bool ill);
  void check_request(const Visit& visit, std::string_view sent, bool ended);
  // Whether something is wrong with a call of this endpoint, now.
  [[nodiscard]] bool ill(std::size_t endpoint, Dispatcher& loop);

  Dice& dice_;
  Ledger& ledger_;
  Referee& referee_;
  std::vector<std::string> endpoints_;
  Duration season_;   // of sickness and health
  double sick_part_;  // of a season
  double usual_;      // part of the calls that fail in health
  bool quick_;
};

}  // namespace outrigger::simulation
