// The HTTP/1 side of the scripted upstream: one connection, served on its own thread.
#pragma once

#include <functional>

#include "tests/support/channel.h"
#include "tests/support/exchange.h"

namespace outrigger::test {

// Reads requests from `channel` and hands each to `serve` until either side closes.
void serve_h1(Channel& channel, const std::function<void(Exchange&)>& serve,
              const std::function<void(std::string_view)>& on_bytes_without_request);

}  // namespace outrigger::test
