#include "filters/keep_alive/keep_alive.h"

#include <memory>
#include <utility>

#include "filters/intake/replay_body.h"
#include "filters/intake/request_facts.h"
#include "filters/keep_alive/asked_stream.h"
#include "filters/keep_alive/early_body.h"

namespace outrigger::filters {
namespace {

http::Response early_answer(std::unique_ptr<EarlyBody> body) {
  http::Response response;
  response.head.status = 200;
  http::Headers& headers = response.head.headers;
  headers.add_view(http::HeaderId::kContentType, "Content-Type", "text/event-stream");
  headers.add_view(http::HeaderId::kCacheControl, "Cache-Control", "no-cache");
  response.body = http::Body(std::move(body), std::nullopt);
  return response;
}

// The request's body, as far as intake has read it.
std::string beginning(const Exchange& exchange) {
  if (const Slice* whole = exchange.request.body.whole()) return std::string(whole->view());
  return exchange.replay == nullptr ? std::string() : exchange.replay->prefix(kModelPrefix);
}

}  // namespace

Task<Result<http::Response>> KeepAlive::handle(Exchange& exchange, Next next) {
  if (!policies_.commit.keep_alive ||
      !asks_for_stream(exchange.request.head, beginning(exchange))) {
    Result<http::Response> outcome = co_await next(exchange);
    co_return outcome;
  }
  CancelScope& scope = *exchange.scope;  // what runs in the body lends the exchange narrower ones
  auto body =
      std::make_unique<EarlyBody>(exchange, *policies_.commit.keep_alive,
                                  asked_dialect(policies_.dialect, exchange.request.head.path()));
  body->start(next);
  CO_TRY(const EarlyBody::Waited waited, co_await body->wait(scope));
  if (waited == EarlyBody::Waited::kAnswered) co_return body->take();
  co_return early_answer(std::move(body));
}

}  // namespace outrigger::filters
