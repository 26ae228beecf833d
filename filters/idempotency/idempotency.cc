#include "filters/idempotency/idempotency.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "filters/credentials/credentials.h"
#include "filters/idempotency/fingerprint.h"
#include "filters/idempotency/record_id.h"
#include "filters/idempotency/stored_body.h"
#include "filters/idempotency/upstream_key.h"
#include "filters/intake/replay_body.h"
#include "filters/intake/request_facts.h"
#include "filters/json/json_set.h"
#include "filters/recording/followed_body.h"
#include "filters/retry/safety.h"
#include "proxy/base/json_writer.h"

namespace outrigger::filters {
namespace {

constexpr Duration kComeBack = 1s;
constexpr Duration kLibraryRepeats = 10min;
constexpr std::string_view kLate = "late";
constexpr std::string_view kLastEventId = "last-event-id";

std::int64_t milliseconds(Duration time) noexcept {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

Resolution resolution_of(std::string_view said) noexcept {
  if (http::equals_ignore_case(said, "resubmit")) return Resolution::kResubmit;
  return http::equals_ignore_case(said, "discard") ? Resolution::kDiscard : Resolution::kNone;
}

Error client_error(std::string_view reason, std::string detail) {
  return {Errc::kProtocol, Origin::kClient, Phase::kNoConnection, reason, std::move(detail)};
}

// The request's body once more, for whoever has to look into it; empty where it is not in memory.
std::string whole_body(const Exchange& exchange) {
  if (const Slice* whole = exchange.request.body.whole()) return std::string(whole->view());
  const ReplayBody* replay = exchange.replay;
  if (replay == nullptr || !replay->whole_in_memory()) return {};
  return replay->prefix(ReplayBody::kInMemory);
}

BodyText prefix_of(const Exchange& exchange, std::string& room) {
  if (const Slice* whole = exchange.request.body.whole()) return {whole->view()};
  if (exchange.replay == nullptr) return {};
  room = exchange.replay->prefix(ReplayBody::kInMemory);
  const bool all = exchange.replay->ended() && exchange.replay->whole_in_memory();
  return {room, all ? BodyText::Extent::kWhole : BodyText::Extent::kPrefix};
}

}  // namespace

struct Idempotency::Call {
  RequestKey key;
  Owner owner;
  RecordId id{};
  Fingerprint raw;
  std::optional<Fingerprint> canonical;
  RecordRules rules;

  [[nodiscard]] std::string record_key() const {
    std::string name(text_of(owner.tag));
    return name.append(text_of(id));
  }
};

Idempotency::Idempotency(const IdempotencyContext& context, const config::Policies& policies,
                         std::string_view upstream)
    : context_(context), policies_(policies), policy_(*policies.idempotency), upstream_(upstream) {}

// No frame of its own for a request that has no key.
Task<Result<http::Response>> Idempotency::handle(Exchange& exchange, Next next) {
  if (policy_.resume && exchange.request.head.headers.find(kLastEventId) != nullptr) {
    return resume(exchange, next);
  }
  return may_have_key(exchange) ? look(exchange, next) : next(exchange);
}

bool Idempotency::may_have_key(const Exchange& exchange) const {
  const http::RequestHead& head = exchange.request.head;
  if (head.method == http::Method::kConnect || !head.protocol.empty() ||
      head.headers.find(http::HeaderId::kUpgrade) != nullptr) {
    return false;  // a tunnel is no answer that could be kept
  }
  const auto sends = [&](std::string_view name) { return head.headers.find(name) != nullptr; };
  if (sends(policy_.header)) return true;
  const bool write = head.method == http::Method::kPost || head.method == http::Method::kPatch;
  if (write && policy_.required) return true;
  if (!policy_.json.empty() && is_json(head.headers)) return true;
  if (policy_.steps && !exchange.execution.empty() && !exchange.step.empty()) return true;
  return write && policy_.sdk_retries &&
         (sends("amz-sdk-invocation-id") || sends("x-stainless-retry-count"));
}

Idempotency::Outcome Idempotency::look(Exchange& exchange, Next next) {
  std::string room;
  BodyText body;
  if (needs_body(exchange.request.head.headers, policy_)) {
    if (exchange.replay != nullptr) {
      CO_TRY(co_await exchange.replay->read_ahead(ReplayBody::kInMemory, *exchange.scope));
    }
    body = prefix_of(exchange, room);
  }
  auto key = find_key(exchange.request.head, body, policy_, {exchange.execution, exchange.step});
  if (!key) {
    count("refused");
    const KeyRefusal::Why why = key.error().why;
    const bool unread = why == KeyRefusal::Why::kUnread;
    co_return std::unexpected(client_error(unread ? "idempotency_key_invalid" : to_string(why),
                                           std::move(key.error().detail)));
  }
  if (!*key) co_return co_await next(exchange);
  co_return co_await handle_once(exchange, next, std::move(**key));
}

Idempotency::Outcome Idempotency::handle_once(Exchange& exchange, Next next, RequestKey key) {
  if (!exchange.resolve.empty() && resolution_of(exchange.resolve) == Resolution::kNone) {
    co_return std::unexpected(
        client_error("http_request_error",
                     "Outrigger-Resolve is neither resubmit (it was not executed) nor "
                     "discard (it was)"));
  }
  Call call;
  call.key = std::move(key);
  call.owner = owner_of(context_.once.secret, policy_.owner, policy_.owner_header,
                        exchange.request.head, exchange.client.certificate_subject);
  if (policy_.owner == config::KeyOwner::kHeader) {
    exchange.request.head.headers.remove(policy_.owner_header);
  }
  CO_TRY(co_await read_request(exchange, call));
  call.rules = rules_for(exchange, call.key);
  CO_TRY(Found found, co_await ask(exchange, call));
  switch (found.reply) {
    case Reply::kExecute:
      if (found.running == nullptr) co_return co_await next(exchange);
      count("executed");
      co_return co_await execute(exchange, next, std::move(call), std::move(found));
    case Reply::kJoin:
      if (policy_.duplicates == config::OnDuplicate::kRefuse) break;
      co_return co_await join(exchange, std::move(found), 0);
    case Reply::kReplay:
      co_return replay(exchange, std::move(found), 0);
    default:
      break;
  }
  co_return refuse(exchange, found.reply, found);
}

// All of it, before anything is sent: it is compared, and the client may leave.
Task<Status> Idempotency::read_request(Exchange& exchange, Call& call) const {
  const http::RequestHead& head = exchange.request.head;
  RawFingerprint raw(head.method_text, head.target);
  if (const Slice* whole = exchange.request.body.whole()) {
    raw.add(whole->view());
  } else if (exchange.replay != nullptr) {
    CO_TRY(co_await exchange.replay->read_all([&](std::string_view piece) { raw.add(piece); },
                                              *exchange.scope));
  }
  call.raw = raw.finish();
  if (policy_.fingerprint == config::FingerprintOf::kJson) {
    call.canonical =
        fingerprint_as(FingerprintKind::kCanonical, head, whole_body(exchange), policy_.exclude);
  }
  const std::string text = call.key.source == KeySource::kLibrary
                               ? library_text(call.canonical.value_or(call.raw))
                               : call.key.text;
  call.id = record_id(context_.once.secret, upstream_, call.owner, call.key.source, text);
  co_return Status{};
}

Task<Result<Found>> Idempotency::ask(Exchange& exchange, Call& call) const {
  for (;;) {
    Question question{.key = call.record_key(),
                      .raw = call.raw,
                      .canonical = call.canonical,
                      .rules = call.rules,
                      .request_id = std::string(exchange.id())};
    question.resolution = resolution_of(exchange.resolve);
    question.fresh = call.key.source == KeySource::kLibrary && call.key.retries == 0;
    CO_TRY(Found found, co_await context_.once.ledger.ask(exchange.loop, std::move(question)));
    found.key = call.record_key();
    if (!found.needs_canonical) co_return found;
    call.canonical = fingerprint_as(FingerprintKind::kCanonical, exchange.request.head,
                                    whole_body(exchange), policy_.exclude);
    if (call.canonical) continue;
    found.reply = Reply::kMismatch;
    co_return found;
  }
}

Idempotency::Outcome Idempotency::execute(Exchange& exchange, Next next, Call call, Found claimed) {
  const std::string key = call.record_key();
  Recording::Reader reader(claimed.running, exchange.loop);
  Status told = tell_upstream(exchange, call, claimed.record.generation);
  const Execution::Setup setup{context_.once.ledger, policies_, context_.executions.scope, orphans_,
                               call.record_key(),    call.rules};
  const auto execution = std::make_shared<Execution>(setup, exchange, std::move(claimed));
  if (!told) {
    execution->abandon(told.error());
    co_return std::unexpected(std::move(told).error());
  }
  execution->start(context_.executions.group, next);
  Result<StoredHead> head = co_await reader.head(*exchange.scope, exchange.sink);
  execution->work()->tell(exchange);
  if (!head) co_return std::unexpected(std::move(head).error());
  auto body = std::make_unique<FollowedBody>(std::move(reader).body(), execution->work(), exchange);
  co_return with_ids(response_of(*head, std::move(body)), {key, std::string(exchange.id()), 0});
}

Idempotency::Outcome Idempotency::resume(Exchange& exchange, Next next) {
  const http::RequestHead& head = exchange.request.head;
  auto position = parse_event_id(head.headers.find(kLastEventId)->value);
  if (!position) co_return co_await look(exchange, next);
  const Owner owner = owner_of(context_.once.secret, policy_.owner, policy_.owner_header, head,
                               exchange.client.certificate_subject);
  if (!position->key.starts_with(text_of(owner.tag))) {
    co_return refuse(exchange, Reply::kGone, {});
  }
  Question question{.key = position->key,
                    .raw = {},
                    .canonical = {},
                    .rules = rules_for(exchange, {}),
                    .request_id = std::string(exchange.id())};
  question.only_reads = true;
  CO_TRY(Found found, co_await context_.once.ledger.ask(exchange.loop, std::move(question)));
  found.key = position->key;
  // That of another execution is another answer.
  if (found.request_id != position->execution) found.reply = Reply::kGone;
  if (found.reply == Reply::kJoin) {
    co_return co_await join(exchange, std::move(found), position->offset);
  }
  if (found.reply == Reply::kReplay) {
    co_return replay(exchange, std::move(found), position->offset);
  }
  co_return refuse(exchange, found.reply, found);
}

// Bytes are added, so the answer's length is not known.
http::Response Idempotency::with_ids(http::Response response, StreamPosition from) const {
  const bool stream = http::starts_ignoring_case(
      response.head.headers.get(http::HeaderId::kContentType), "text/event-stream");
  if (!policy_.resume || !stream) return response;
  response.head.headers.remove(http::HeaderId::kContentLength);
  response.body = http::Body(
      std::make_unique<EventIdBody>(std::move(response.body), std::move(from)), std::nullopt);
  return response;
}

Idempotency::Outcome Idempotency::join(Exchange& exchange, Found running,
                                       std::uint64_t from) const {
  Recording::Reader reader(running.running, exchange.loop);
  const Duration left = time_left(exchange);
  CancelScope patience(*exchange.scope);
  DeadlineTimer timer(exchange.loop, patience);
  timer.start(std::min(policy_.wait, left), {Errc::kTimeout, Origin::kProxy, kLate});
  Result<StoredHead> head = co_await reader.head(patience, exchange.sink);
  timer.stop();
  if (!head) {
    if (head.error().reason == kLate && left < policy_.wait) {
      co_return fail(Errc::kTimeout, Origin::kProxy, "deadline_exceeded");
    }
    if (head.error().reason == kLate) co_return refuse(exchange, Reply::kJoin, running);
    co_return std::unexpected(std::move(head).error());
  }
  count("joined");
  http::Response response = response_of(*head, std::move(reader).body(from));
  mark(exchange, response, running);
  co_return with_ids(std::move(response), {running.key, running.request_id, from});
}

http::Response Idempotency::replay(Exchange& exchange, Found found, std::uint64_t from) const {
  count("replayed");
  StoredAnswer& answer = *found.answer;
  http::Response response;
  if (answer.blob.empty() && answer.trailers.empty()) {
    response.head = response_head(answer.head);
    response.body = http::Body(Slice::copy(
        std::string_view(answer.body).substr(std::min<std::size_t>(from, answer.body.size()))));
  } else {
    response = response_of(
        answer.head, std::make_unique<StoredBody>(exchange.loop, context_.files,
                                                  context_.once.ledger, answer, found.lease, from));
  }
  const std::int64_t left = found.record.expires_ms - context_.once.ledger.now_ms();
  response.head.headers.set("Idempotency-Expires",
                            fmt::format_int(std::max<std::int64_t>(left, 0) / 1000).c_str());
  mark(exchange, response, found);
  return with_ids(std::move(response), {found.key, found.request_id, from});
}

// It is another client's answer, or one of another time.
void Idempotency::mark(Exchange& exchange, http::Response& response, const Found& from) const {
  exchange.source = Source::kIdempotency;
  http::Headers& headers = response.head.headers;
  headers.set("Idempotent-Replayed", "true");
  headers.set("Outrigger-Original-Request-Id", from.request_id);
  if (policy_.owner == config::KeyOwner::kAnyone) headers.remove("set-cookie");
}

std::unexpected<Error> Idempotency::refuse(Exchange& exchange, Reply why,
                                           const Found& found) const {
  const auto say = [&](std::string_view reason, std::string detail) {
    count("refused");
    return std::unexpected(
        Error{Errc::kOverload, Origin::kProxy, Phase::kNoConnection, reason, std::move(detail)});
  };
  const std::string by =
      found.request_id.empty() ? "an earlier request" : fmt::format("request {}", found.request_id);
  switch (why) {
    case Reply::kMismatch:
      return say("idempotency_key_reused",
                 fmt::format("the key was used by {} with another method, target or body", by));
    case Reply::kGone:
      return say("answer_gone", fmt::format("the answer of {} is not kept any more", by));
    case Reply::kDead:
      return say("dead_lettered", fmt::format("{} was given up", by));
    case Reply::kWait:
      return say(
          "outcome_unknown",
          fmt::format(
              "{} may have been executed: its answer was lost, or did not say; once you know, "
              "repeat it with Outrigger-Resolve: resubmit (it was not) or discard "
              "(it was)",
              by));
    default:
      exchange.retry_after = kComeBack;
      return say("idempotency_in_flight", fmt::format("{} is being executed", by));
  }
}

// Another header or member than the client's own: that one is the proxy's business.
Status Idempotency::tell_upstream(Exchange& exchange, const Call& call,
                                  std::uint32_t generation) const {
  if (!tells_upstream(call.key)) return {};
  const config::UpstreamKey& where = policy_.upstream;
  http::Headers& headers = exchange.request.head.headers;
  // Under a key of the proxy's own several owners are one to the upstream: their keys must differ.
  const KeyText form = adds_credentials(policies_) ? KeyText::kHashed : KeyText::kAsItIs;
  const std::string key =
      upstream_key(context_.once.secret, call.id, call.key, generation, where, form);
  const bool same_place = policy_.header == where.header && call.key.source == KeySource::kHeader;
  if (!same_place) headers.remove(policy_.header);
  // With or without quotes: the client knows what its upstream wants.
  const bool as_sent = same_place && key == call.key.text;
  if (!where.header.empty() && !as_sent) headers.set(where.header, key);
  if (!where.json.empty()) {
    std::string text;
    JsonWriter(text).value(key);
    const auto body = json_set(whole_body(exchange), where.json, text);
    if (!body) {
      return std::unexpected(client_error(
          "http_request_error",
          fmt::format("the key is to be put into the request at {}, and its body is no JSON object "
                      "of at most 1 MiB",
                      where.json)));
    }
    exchange.request.body = http::Body(Slice::copy(*body));
    exchange.replay = nullptr;
    headers.set("Content-Length", fmt::format_int(body->size()).c_str());
  }
  exchange.upstream_key = headers.intern(key);
  return {};
}

// Where the key is the request itself, two pieces of work can have the same.
bool Idempotency::tells_upstream(const RequestKey& key) const noexcept {
  return key.source != KeySource::kLibrary &&
         (!policy_.upstream.header.empty() || !policy_.upstream.json.empty());
}

RecordRules Idempotency::rules_for(const Exchange& exchange, const RequestKey& key) const {
  const bool told = tells_upstream(key);
  RecordRules rules;
  rules.replay =
      replay_class(policies_, exchange.request.head.method, told ? KeySent::kYes : KeySent::kNo);
  const bool asks =
      rules.replay == config::Replay::kVerify || rules.replay == config::Replay::kKeyed;
  if (policies_.verify && asks) {
    rules.can_probe = true;
    rules.negatives = policies_.verify->negatives;
    rules.settle_ms = milliseconds(policies_.verify->settle);
  }
  rules.horizon_ms = milliseconds(policy_.upstream.horizon);
  rules.keep_ms = milliseconds(policy_.keep);
  rules.remember_ms = milliseconds(policy_.remember);
  rules.claims_tombstones = policy_.reuse;
  if (key.source == KeySource::kLibrary) {  // a library repeats at once, or not at all
    rules.keep_ms = std::min(rules.keep_ms, milliseconds(kLibraryRepeats));
    rules.remember_ms = 1;
    rules.claims_tombstones = true;
  }
  return rules;
}

void Idempotency::count(std::string_view outcome) const {
  context_.metrics.counter(Metric::kIdempotency, {upstream_, outcome}).add();
}

}  // namespace outrigger::filters
