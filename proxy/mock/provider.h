// The mind of the mock: from a request to what is done about it. Time, seed and script come in; no
// I/O. One thread.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "proxy/base/duration.h"
#include "proxy/http/message.h"
#include "proxy/mock/call.h"
#include "proxy/mock/failures.h"
#include "proxy/mock/fault.h"
#include "proxy/mock/identity.h"
#include "proxy/mock/plan.h"
#include "proxy/mock/rate_limit.h"
#include "proxy/mock/saved_answers.h"
#include "proxy/mock/script.h"

namespace outrigger::mock {

// When a request came.
struct Moment {
  TimePoint now;
  std::int64_t wall_seconds = 0;  // since 1970
};

struct Reaction {
  Fault fault;  // what is done to this request, after rate limits and draws
  Plan plan;    // when fault.wire is kAnswer
  std::string_view dialect;
  std::string held_key;  // give it to release() when the request is over
};

class Provider {
 public:
  // `otherwise` is the fault of requests for which nothing else says one.
  Provider(std::uint64_t seed, Script script, Fault otherwise);

  // The fault of a request: its field Mock-Fault, else its query's `mock`, else the script's next
  // step that fits, else `otherwise`.
  std::expected<Fault, FaultError> choose(const http::RequestHead& head);
  // What to do: call once a request, in the order in which they came.
  Reaction react(const Fault& fault, const http::RequestHead& head, std::string_view body,
                 Moment moment);
  // The answer to a fault that cannot be read.
  Plan refuse(const FaultError& error) const;
  void release(const Reaction& reaction);

  void use(Script script) { script_ = std::move(script); }
  // As freshly started, but for the seed's position.
  void reset();

 private:
  static constexpr std::size_t kMostKeys = 10'000;
  Fault decide(const Fault& fault, const http::RequestHead& head, std::string_view body);
  [[nodiscard]] Answer answer(const Call& call, const Fault& fault);
  std::optional<Answer> replay(const Call& call, const http::RequestHead& head,
                               std::string_view body, Reaction& reaction);

  Identity identity_;
  Script script_;
  Fault otherwise_;
  RateLimits limits_;
  SavedAnswers saved_;
  std::unordered_map<std::string, std::uint32_t> failed_;  // requests that failed, by key
};

// The query of a target, without its '?'.
std::string_view query_of(const http::RequestHead& head) noexcept;
// The value of a field; nothing when there is none.
std::optional<std::string_view> field_of(const http::RequestHead& head, std::string_view name);

}  // namespace outrigger::mock
