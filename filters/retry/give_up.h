// What an answer says to a client's SDK when we have given up, so that retries do not multiply
// (llm 2.2). Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "proxy/base/duration.h"
#include "proxy/http/message.h"

namespace outrigger::filters {

// `x-should-retry: false`, `stripe-should-retry: false` and, where it is known when to come back,
// Retry-After in whole seconds (rounded up) and retry-after-ms. A status other than 0 takes the
// place of the upstream's.
void advise_to_give_up(http::ResponseHead& head, std::optional<Duration> come_back,
                       std::uint16_t status);

// The upstream's own word on another try: x-should-retry or stripe-should-retry.
[[nodiscard]] std::optional<bool> should_retry(const http::Headers& headers) noexcept;

// Which try of the client's library this is: x-stainless-retry-count; 0 for the first and for what
// is no number (llm 2.1).
[[nodiscard]] std::uint32_t client_retries(const http::Headers& headers) noexcept;

}  // namespace outrigger::filters
