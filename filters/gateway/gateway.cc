#include "filters/gateway/gateway.h"

#include <algorithm>
#include <utility>

#include "filters/gateway/counted_body.h"
#include "proxy/base/pseudonym.h"
#include "proxy/http/hop_by_hop.h"

namespace outrigger::filters {
namespace {

const http::Via& own_via() {
  static const http::Via via(pseudonym());
  return via;
}

// The text of a field that goes stays with the message; what a later filter needs is kept.
void remove_own(Exchange& exchange) {
  std::erase_if(exchange.request.head.headers.fields(), [&](const http::Field& field) {
    if (!http::is_own_header(field.name)) return false;
    if (http::equals_ignore_case(field.name, "outrigger-deadline")) {
      exchange.deadline_asked = field.value;
    } else if (http::equals_ignore_case(field.name, "outrigger-execution")) {
      exchange.execution = field.value;
    } else if (http::equals_ignore_case(field.name, "outrigger-step")) {
      exchange.step = field.value;
    } else if (http::equals_ignore_case(field.name, "outrigger-resolve")) {
      exchange.resolve = field.value;
    }
    return true;
  });
}

// What is compressed cannot be watched as it streams by; who asks for nothing gets nothing.
void ask_for_identity(http::Headers& headers) {
  for (http::Field& field : headers.fields()) {
    if (field.id == http::HeaderId::kAcceptEncoding) field.value = "identity";
  }
}

Task<Result<http::Response>> refused(Error error) {
  co_return std::unexpected(std::move(error));
}

}  // namespace

Task<Result<http::Response>> Gateway::handle(Exchange& exchange, Next next) {
  if (Status admitted = admit(exchange); !admitted) return refused(std::move(admitted).error());
  prepare(exchange);
  return next(exchange);
}

void Gateway::mark_passed(http::ResponseHead& answer) {
  own_via().append_to(answer.headers, answer.version);
}

Status Gateway::admit(Exchange& exchange) const {
  if (pressure_.refuses_requests()) {
    exchange.retry_after = pressure_.retry_after();
    return fail(Errc::kOverload, Origin::kProxy, "proxy_overloaded",
                "its memory is used beyond server.overload.memory.hard");
  }
  if (own_via().stands_in(exchange.request.head.headers)) {
    return fail(
        Errc::kProtocol, Origin::kClient, "proxy_loop_detected",
        "the request has passed through this proxy before: an upstream's URL leads back to it");
  }
  const http::Body& body = exchange.request.body;
  if (policies_.max_request_body && body.length().value_or(0) > *policies_.max_request_body) {
    return std::unexpected(body_too_large(*policies_.max_request_body));
  }
  return {};
}

void Gateway::prepare(Exchange& exchange) const {
  http::Request& request = exchange.request;
  if (request.body.whole() != nullptr) exchange.request_bytes = request.body.whole()->size();
  request.body.wrap_source([&](std::unique_ptr<http::BodySource> inner) {
    return std::make_unique<CountedBody>(std::move(inner), exchange.request_bytes,
                                         policies_.max_request_body);
  });
  http::Headers& headers = request.head.headers;
  http::remove_hop_by_hop(headers);
  remove_own(exchange);
  if (config::has_streams(policies_.dialect)) ask_for_identity(headers);
  // The endpoint that is chosen gives the authority.
  headers.remove(http::HeaderId::kHost);
  own_via().append_to(headers, request.head.version);
  if (exchange.routed.way != upstream::Way::kTunnel) request.head.target = exchange.routed.target;
}

}  // namespace outrigger::filters
