// How long callers say that they wait for an answer, in the words of their libraries. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/base/duration.h"
#include "proxy/http/headers.h"

namespace outrigger::filters {

// `x-stainless-timeout`, `x-stainless-read-timeout`: seconds, with a fraction or without (the
// libraries of OpenAI and Anthropic, llm 2.1). Nothing for 0, a negative or what is no number:
// those mean no time-out there. Never overflows.
[[nodiscard]] std::optional<Duration> parse_stainless_timeout(std::string_view text);

// `grpc-timeout`: at most eight digits and one of H M S m u n (gRPC over HTTP/2, "Timeout").
[[nodiscard]] std::optional<Duration> parse_grpc_timeout(std::string_view text);

// `Outrigger-Deadline`: a duration of ours ("30s", "1m30s"), or the time of day (RFC 3339) by which
// the answer must begin. `now_us`: microseconds since 1970 UTC. A moment that has passed is 0.
[[nodiscard]] std::optional<Duration> parse_deadline(std::string_view text, std::int64_t now_us);

// The least of what a request's fields say; `deadline` is the value of Outrigger-Deadline, which
// does not travel on, or empty. What does not parse says nothing.
[[nodiscard]] std::optional<Duration> asked_time(const http::Headers& headers,
                                                 std::string_view deadline, std::int64_t now_us);

}  // namespace outrigger::filters
