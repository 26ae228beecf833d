// The bookkeeping of one exchange's validation: what is wanted, what was tried to get it, what that
// cost, and what the client is told. Lives in the frame of Validate::handle.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "filters/exchange.h"
#include "filters/intake/rewinder.h"
#include "filters/validate/asked.h"
#include "filters/validate/inspect.h"
#include "filters/validate/stream_answer.h"
#include "filters/validate/substitute.h"
#include "filters/validate/usage.h"
#include "filters/validate/validate.h"

namespace outrigger::filters {

class Mender {
 public:
  Mender(const ValidateRoute& route, Exchange& exchange);

  static constexpr std::uint64_t kMaxError = 64 * 1024;
  // Whether this is an error that may be the request's own, and mendable.
  [[nodiscard]] bool may_reformulate(const http::Response& response);
  // True when the request was changed and is to be sent again; once.
  bool reformulate(const http::ResponseHead& head, std::string_view error);

  // Whether an answer is to be checked: a success, of a call that is ours to look into, or that a
  // schema speaks of.
  [[nodiscard]] bool looks_at(const http::Response& response) const;
  enum class Step : std::uint8_t { kPass, kAgain, kRefuse };
  // `body` is the answer's, as it came; nothing when it is too long to be looked at. kPass: the
  // answer is good, or was mended. kAgain: the exchange's request is now the one that asks again.
  [[nodiscard]] Step judge(http::Response& response, const std::optional<Slice>& body);
  // What is left of the time for repairs.
  [[nodiscard]] Duration time_left() const noexcept;

  // The ends.
  [[nodiscard]] std::unexpected<Error> refuse();
  Result<http::Response> finish(Result<http::Response> outcome);

 private:
  enum class Shape : std::uint8_t { kWhole, kSse, kArray };
  struct Answer {
    std::string_view body;            // as it came
    std::optional<std::string> made;  // decoded, and assembled where it came as a stream
    Shape shape = Shape::kWhole;
    [[nodiscard]] std::string_view json() const noexcept { return made ? *made : body; }
  };
  [[nodiscard]] const std::string* original();
  [[nodiscard]] const Wanted& wanted();
  void add_wanted_of_request(Wanted& wanted);
  [[nodiscard]] std::optional<Answer> read(const http::Response& response, std::string_view body);
  // Puts the text into the answer's body, in the shape that it came in.
  bool put(http::Response& response, Shape shape, std::string_view json) const;
  [[nodiscard]] Step pass(http::Response& response, const Answer& answer, Inspection inspection);
  [[nodiscard]] Step reject(const Answer& answer, Inspection inspection);
  [[nodiscard]] bool ask_again(const Answer& answer, const Inspection& inspection);
  void note(std::string_view how);
  void count(const Counter& result) noexcept {
    result.add();
    counted_ = true;
  }
  [[nodiscard]] Step unchecked();
  [[nodiscard]] Step shadowed(const Inspection& inspection);
  [[nodiscard]] bool repairs() const noexcept { return route_.validate.repair.has_value(); }
  [[nodiscard]] Mending mending() const noexcept;

  const ValidateRoute& route_;
  Exchange& exchange_;
  const Form form_;
  Rewinder body_;
  Substitute substitute_;
  bool looked_for_original_ = false;
  std::optional<std::string> original_;  // the request's body, reformulated if it was
  std::optional<Wanted> wanted_;
  Usage usage_;
  bool reformulated_ = false;
  bool passed_ = false;  // the answer is good, or was mended
  bool counted_ = false;
  std::uint32_t prompts_ = 0;
  std::uint64_t tokens_ = 0;        // of the repairs, estimated
  std::optional<TimePoint> until_;  // the repairs must end; set with the first bad answer
  std::string complaint_;           // of the last bad answer
  std::string wrong_;
  std::string_view why_not_;  // it is not asked again: a literal
};

}  // namespace outrigger::filters
