#include "filters/send/send.h"

#include <utility>

namespace outrigger::filters {

namespace {

bool is_gated(const Exchange& exchange) noexcept {
  return exchange.gate != nullptr && !exchange.probing;
}

}  // namespace

// No frame of its own where nobody is asked.
Task<Result<http::Response>> Send::handle(Exchange& exchange, Next) {
  return is_gated(exchange) ? send_asked(exchange) : send(exchange);
}

Task<Result<http::Response>> Send::send_asked(Exchange& exchange) const {
  CO_TRY(co_await exchange.gate->before_send(exchange));
  co_return co_await send(exchange);
}

Task<Result<http::Response>> Send::send(Exchange& exchange) const {
  return cluster_.send(exchange.request, *exchange.scope, exchange.recorder,
                       {.endpoints = exchange.avoid, .strictly = exchange.avoid_strictly});
}

Task<Result<http::Response>> SendForward::handle(Exchange& exchange, Next) {
  const upstream::Routed& to = exchange.routed;
  const std::string_view asked = exchange.request.head.authority;
  Result<http::Response> response = std::unexpected(Error{});
  if (to.way == upstream::Way::kTunnel) {
    response = co_await forward_.open_tunnel(to.forward_host, to.forward_port, *exchange.scope,
                                             exchange.recorder);
  } else {
    response = co_await forward_.send(to.forward_host, to.forward_port, to.forward_tls,
                                      exchange.request, *exchange.scope, exchange.recorder);
  }
  exchange.request.head.authority = asked;  // the host's own may go with its cluster
  co_return response;
}

}  // namespace outrigger::filters
