// intake: what the policies below need of a request before it is sent: a body that another attempt
// can send again, and the model and the credential that state is keyed by.
#pragma once

#include "config/config.h"
#include "filters/filter.h"
#include "filters/intake/replay_body.h"
#include "filters/intake/siphash.h"
#include "filters/overload/pressure.h"

namespace outrigger::filters {

// What the Intake filters of one worker share; outlives them.
struct IntakeContext {
  ReplayContext replay;
  SipKey credential_key;               // the same in all workers
  const Pressure* pressure = nullptr;  // of the process; none: there is always enough
};

class Intake final : public Filter {
 public:
  // Both outlive the filter.
  Intake(const IntakeContext& context, const config::Policies& policies);
  [[nodiscard]] std::string_view name() const noexcept override { return "intake"; }
  Task<Result<http::Response>> handle(Exchange& exchange, Next next) override;

 private:
  struct Wanted {
    std::size_t ahead = 0;  // bytes of the body that are read before the request goes on
    bool model = false;
  };
  Task<Result<http::Response>> handle_after_reading(Exchange& exchange, Next next,
                                                    Wanted wanted) const;
  [[nodiscard]] bool is_hedged(http::Method method) const noexcept;
  void keep_body(Exchange& exchange) const;
  [[nodiscard]] static Task<Status> model_of_body(Exchange& exchange);

  const IntakeContext& context_;
  const config::Policies& policies_;
  const bool needs_model_;
  const bool needs_beginning_;  // of the body: keep_alive and a rate of tokens look into it
};

}  // namespace outrigger::filters
