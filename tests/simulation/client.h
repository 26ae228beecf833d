// A client of a simulated world: comes at some moment, sends a request at its own pace, reads the
// answer at its own pace, and leaves when it has had enough.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "filters/filter.h"
#include "proxy/runtime/dispatcher.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/ledger.h"

namespace outrigger::simulation {

// What all clients of a world meet.
struct Street {
  Dispatcher& loop;
  Dice& dice;
  Ledger& ledger;
  const config::Upstream& upstream;
};

class Client {
 public:
  // Draws who it is; `visit` is filled in. Both outlive it.
  Client(Street& street, Visit& visit);

  // Everything from its arrival to its end.
  Task<void> run(const filters::Chain& chain);

 private:
  [[nodiscard]] http::Request request() const;
  void prepare(filters::Exchange& exchange) const;
  Task<void> read(http::Response response, CancelScope& scope);
  void end(End how, const Error* error = nullptr);

  Street& street_;
  Visit& visit_;
  Duration arrives_, patience_;
  Duration between_pieces_;        // of its request; 0: sent as one
  Duration pause_;                 // between two reads
  std::optional<Duration> asked_;  // a deadline of its own
  double drops_ = 0;               // at each read
  std::string model_, credential_;
};

}  // namespace outrigger::simulation
