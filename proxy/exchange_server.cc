#include "proxy/exchange_server.h"

#include <exception>
#include <utility>

#include <fmt/format.h>

#include "filters/observe/answer.h"
#include "proxy/http/problem.h"
#include "proxy/upstream/first_run_page.h"

namespace outrigger {

using filters::Exchange;

Task<void> ExchangeServer::serve(http::Request&& request, http::ResponseSink& sink,
                                 const http::ClientInfo& client, CancelScope& scope) {
  const std::shared_ptr<Generation> generation = generation_;
  Exchange exchange(loop_, std::move(request), sink, client, scope);
  exchange.chain = generation;
  http::Delivery delivery;
  Result<http::Response> response = std::unexpected(Error{});
  try {
    if (auto routed = generation->router().route(exchange.request.head)) {
      exchange.routed = std::move(*routed);
      response = co_await generation->chain(exchange.routed).run(exchange);
    } else {
      response = misroute(exchange, *generation, routed.error());
    }
  } catch (const std::exception& error) {
    response = answer_bug(exchange, *generation, error);
  }
  if (response) {
    delivery = co_await sink.send(std::move(*response), scope);
  } else {
    delivery.status = std::unexpected(std::move(response).error());
  }
  for (filters::DeliveryObserver* observer : exchange.observers) {
    observer->on_delivered(exchange, delivery);
  }
}

// An exception is a bug: it costs this exchange, not the process.
http::Response ExchangeServer::answer_bug(Exchange& exchange, Generation& generation,
                                          const std::exception& bug) {
  log_.error("exchange", "a bug ended an exchange",
             {{"request_id", exchange.id()}, {"error", bug.what()}});
  http::Response response = filters::answer_failure(
      exchange,
      Error{Errc::kInternal, Origin::kProxy, Phase::kNoConnection, "proxy_internal_error", {}});
  if (exchange.observers.empty()) generation.unrouted().begin(exchange);
  generation.unrouted().stamp(exchange, response);
  return response;
}

http::Response ExchangeServer::misroute(Exchange& exchange, Generation& generation,
                                        const upstream::Misroute& misroute) {
  generation.unrouted().begin(exchange);
  exchange.source = filters::Source::kProxy;
  if (const http::ProblemKind* kind = http::find_problem_kind(misroute.code);
      misroute.status >= 400) {
    exchange.why = kind == nullptr ? misroute.code : kind->proxy_error;
  }
  http::Response response = upstream::make_misroute_response(misroute, generation.config(),
                                                             exchange.request.head, exchange.id());
  generation.unrouted().stamp(exchange, response);
  return response;
}

http::Response ExchangeServer::refuse(int status, std::string_view code, std::string_view detail,
                                      const http::ClientInfo&) {
  metrics_.counter(Metric::kMessagesRefused, {"http", fmt::format_int(status).c_str()}).add();
  return filters::answer_refusal(status, code, detail);
}

}  // namespace outrigger
