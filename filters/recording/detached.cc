#include "filters/recording/detached.h"

#include <algorithm>
#include <utility>

#include "filters/deadline/deadlines.h"
#include "proxy/base/wall_clock.h"

namespace outrigger::filters {
namespace {

// The request with all of its text in its own memory.
http::Request request_of(http::Request& from, Detached::Coding coding) {
  http::Request request{from.head, std::move(from.body)};
  http::RequestHead& head = request.head;
  for (std::string_view* text :
       {&head.method_text, &head.scheme, &head.authority, &head.target, &head.protocol}) {
    *text = head.headers.intern(*text);
  }
  if (coding == Detached::Coding::kOfClient) return request;
  for (http::Field& field : head.headers.fields()) {
    if (field.id == http::HeaderId::kAcceptEncoding) field.value = "identity";
  }
  return request;
}

}  // namespace

Detached::Detached(Exchange& client, CancelScope& worker, Coding coding,
                   std::shared_ptr<Recording> answer)
    : interims_(std::move(answer)),
      client_(client.client),
      scope(worker),
      exchange(client.loop, request_of(client.request, coding), interims_, client_, scope) {
  http::Headers& texts = exchange.request.head.headers;
  exchange.routed = client.routed;
  exchange.routed.target = texts.intern(client.routed.target);
  std::ranges::copy(client.id_text, exchange.id_text);
  exchange.started = client.started;
  exchange.request_bytes = client.request_bytes;
  exchange.client_target = texts.intern(client.client_target);
  exchange.client_authority = texts.intern(client.client_authority);
  exchange.model = texts.intern(client.model);
  exchange.credential = client.credential;
  exchange.sent_credential = client.sent_credential;
  exchange.execution = texts.intern(client.execution);
  exchange.step = texts.intern(client.step);
  exchange.deadline_asked = texts.intern(client.deadline_asked);
  exchange.upstream_key = texts.intern(client.upstream_key);
  exchange.replay = std::exchange(client.replay, nullptr);
  exchange.wants_usage = client.wants_usage;
  exchange.would_have = client.would_have;
  exchange.chain = client.chain;
}

Task<Status> Detached::Interims::interim(http::ResponseHead head, CancelScope&) {
  http::Response response;
  response.head = std::move(head);
  answer_->interim(stored_head(response));
  co_return Status{};
}

void Detached::tell(Exchange& client) {
  http::Headers& texts = client.request.head.headers;
  client.attempts.clear();
  for (Attempt attempt : exchange.attempts) {
    attempt.permits = {};
    attempt.concluded = true;  // to those who count: here
    attempt.error = texts.intern(attempt.error);
    client.attempts.push_back(attempt);
  }
  client.source = exchange.source;
  client.why = exchange.why;
  client.retry_after = exchange.retry_after;
  client.give_up_status = exchange.give_up_status;
  client.circuit = exchange.circuit;
  client.queued = exchange.queued;
  client.fallback = texts.intern(exchange.fallback);
  client.degraded = exchange.degraded;
  client.repair = exchange.repair;
  client.repair_prompts = exchange.repair_prompts;
  client.would_have = exchange.would_have;
  client.replay_lost = exchange.replay_lost;
}

Duration time_left(const Exchange& client) {
  const auto asked =
      asked_time(client.request.head.headers, client.deadline_asked, WallClock::system());
  if (!asked) return Duration::max();
  return std::max(*asked - (client.loop.now() - client.started), Duration{0});
}

}  // namespace outrigger::filters
