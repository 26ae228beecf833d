// The answer to an exchange that failed: the problem that its error maps to, in the upstream's
// error format.
#pragma once

#include "filters/exchange.h"
#include "proxy/base/result.h"
#include "proxy/http/message.h"
#include "proxy/http/problem.h"

namespace outrigger::filters {

http::ErrorShape error_shape(const config::Policies* policies) noexcept;

// Marks the exchange as answered by the proxy, with the RFC 9209 error as `why`, and makes the
// answer.
http::Response answer_failure(Exchange& exchange, const Error& error);

// The answer to a message that a codec refused (http::ExchangeHandler::refuse): the closed code of
// the rule goes into the detail. No exchange exists then.
http::Response answer_refusal(int status, std::string_view code, std::string_view detail);

}  // namespace outrigger::filters
