#include "filters/send/send.h"

#include <utility>

#include "filters/send/attempt_recorder.h"

namespace outrigger::filters {

Task<Result<http::Response>> Send::handle(Exchange& exchange, Next) {
  AttemptRecorder recorder(exchange);
  Result<http::Response> response =
      co_await cluster_.send(exchange.request, *exchange.scope, recorder);
  if (response) recorder.on_response(*response);
  co_return response;
}

Task<Result<http::Response>> SendForward::handle(Exchange& exchange, Next) {
  AttemptRecorder recorder(exchange);
  const upstream::Routed& to = exchange.routed;
  const std::string_view asked = exchange.request.head.authority;
  Result<http::Response> response = std::unexpected(Error{});
  if (to.way == upstream::Way::kTunnel) {
    response =
        co_await forward_.open_tunnel(to.forward_host, to.forward_port, *exchange.scope, recorder);
  } else {
    response = co_await forward_.send(to.forward_host, to.forward_port, to.forward_tls,
                                      exchange.request, *exchange.scope, recorder);
  }
  exchange.request.head.authority = asked;  // the host's own may go with its cluster
  if (response) recorder.on_response(*response);
  co_return response;
}

}  // namespace outrigger::filters
