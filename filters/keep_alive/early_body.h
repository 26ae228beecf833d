// The body of an answer whose head went out before there was one: comments until the rest of the
// chain has an answer, then that answer's events, or an error event in the dialect of the request.
// Owns the running chain; destroying it ends that.
#pragma once

#include <memory>
#include <optional>

#include "filters/filter.h"
#include "proxy/http/dialect.h"
#include "proxy/runtime/task_group.h"

namespace outrigger::filters {

class EarlyBody final : public http::BodySource {
 public:
  EarlyBody(Exchange& exchange, Duration interval, http::Dialect dialect)
      : exchange_(exchange), interval_(interval), dialect_(dialect), chain_(exchange.loop) {}

  void start(Next next);
  enum class Waited : std::uint8_t { kAnswered, kTick };
  // Until the chain has answered, one interval at most. An error: nobody waits any more.
  Task<Result<Waited>> wait(CancelScope& scope);
  // What the chain answered, for a client that got no head yet; once, after kAnswered.
  [[nodiscard]] Result<http::Response> take() { return std::move(*outcome_); }

  Task<Result<Slice>> read(CancelScope& scope) override;
  [[nodiscard]] bool ready() const noexcept override {
    return outcome_ && (!passing_ || (*outcome_)->body.ready());
  }

 private:
  static Task<void> run(EarlyBody& self, Next next);
  Result<Slice> begin_passing();
  // The event that tells of `error`; read() returns the error next.
  Slice tell(Error error, std::string_view code, std::string_view message);

  Exchange& exchange_;
  Duration interval_;
  http::Dialect dialect_;
  Signal answered_;
  std::optional<Result<http::Response>> outcome_;
  bool passing_ = false;  // the answer's own body
  std::optional<Error> failure_;
  TaskGroup chain_;  // last: what runs in it uses the rest
};

}  // namespace outrigger::filters
