#include "filters/cache/cache_desk.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "filters/cache/stored_response.h"
#include "filters/cache/validation.h"
#include "filters/idempotency/record_id.h"
#include "filters/recording/followed_body.h"

namespace outrigger::filters {
namespace {

constexpr std::array<std::string_view, 6> kOutcomes = {"hit",    "miss",        "stale",
                                                       "bypass", "revalidated", "collapsed"};

// The upstream was asked, or its breaker said no, before a stale answer was given.
CacheStatus of_fallback(const Exchange& exchange) {
  if (exchange.attempts.empty()) {
    return {.detail = exchange.circuit == "open" ? "breaker-open" : "fallback"};
  }
  CacheStatus status{.forward = Forward::kStale, .detail = "fallback"};
  const int answered = exchange.attempts.back().status;
  if (answered != 0) status.forward_status = answered;
  return status;
}

}  // namespace

CacheDesk::CacheDesk(const CacheContext& context, const config::Policies& policies,
                     std::string_view upstream)
    : context_(context), policies_(policies), upstream_(upstream) {
  for (std::size_t i = 0; i < kOutcomes.size(); ++i) {
    counters_[i] = context_.metrics.counter(Metric::kCacheRequests, {upstream_, kOutcomes[i]});
  }
}

std::string CacheDesk::owner(const Exchange& exchange) const {
  const Owner owner = owner_of(context_.shared.secret, policy().owner, policy().owner_header,
                               exchange.request.head, exchange.client.certificate_subject);
  return std::string(text_of(owner.tag));
}

Task<CacheEntryPtr> CacheDesk::find(const Exchange& exchange, const CacheKey& key) const {
  CacheEntryPtr entry = answers().find(key, now_us(exchange));
  if (entry != nullptr || !answers().may_be_on_disk(key)) co_return entry;
  entry = co_await answers().load(exchange.loop, key, *exchange.scope);
  co_return entry;
}

Duration CacheDesk::kept_stale() const noexcept {
  Duration most = policy().stale;
  for (const config::Fallback& way : policies_.fallback) {
    most = std::max(most, way.stale.value_or(Duration{0}));
  }
  return most;
}

std::uint64_t CacheDesk::new_epoch() {
  std::uint64_t epoch = 0;
  while (epoch == 0) epoch = random_.next();
  return epoch;
}

std::string CacheDesk::place(const Exchange& exchange) const {
  const upstream::Routed& routed = exchange.routed;
  if (routed.upstream != nullptr) return upstream_;
  return fmt::format("{} {}:{} {}", upstream_, routed.forward_host, routed.forward_port,
                     static_cast<int>(routed.forward_tls));
}

// A flight of its own that nobody finds is not told when what it brings is changed meanwhile.
CacheDesk::Trip CacheDesk::board(Exchange& exchange, const CacheKey& key, std::string_view owner,
                                 Company company) const {
  auto [flight, leads] = flights().board(key, exchange.loop, owner);
  if (!leads && (company == Company::kNone || flight->owner != owner)) {
    flight = std::make_shared<Flight>(exchange.loop, std::string(owner));
    flight->unseen = leads = true;
  }
  Recording::Reader reader(flight->recording, exchange.loop);
  return {std::move(flight), std::move(reader), leads};
}

CacheDesk::Trip CacheDesk::board_unseen(Exchange& exchange, const CacheKey& key,
                                        std::string_view owner) const {
  auto [flight, leads] = flights().board(key, exchange.loop, owner);
  return {std::move(flight), std::nullopt, leads};
}

void CacheDesk::lead(Exchange& exchange, Next next, Trip& trip, Lead lead) {
  const Fill::Setup setup{context_.shared, policies_, context_.executions.scope, orphans_,
                          lead.key};
  const auto fill =
      std::make_shared<Fill>(setup, exchange, lead.coding, trip.flight, std::move(lead.keeper));
  trip.work = fill->work();
  if (lead.validates != nullptr) {
    ask_for_validation(trip.work->exchange.request.head.headers, *lead.validates);
  }
  fill->start(context_.executions.group, next);
}

Task<Result<StoredHead>> CacheDesk::wait_for_head(Exchange& exchange, Trip& trip) const {
  CancelScope patience(*exchange.scope);
  DeadlineTimer timer(exchange.loop, patience);
  const Duration left = time_left(exchange);
  if (left != Duration::max()) {
    timer.start(left, {Errc::kTimeout, Origin::kProxy, "deadline_exceeded"});
  }
  Result<StoredHead> head = co_await trip.reader->head(patience, exchange.sink);
  timer.stop();
  if (trip.work != nullptr) {
    trip.work->tell(exchange);
  } else if (!head) {
    exchange.retry_after = trip.flight->retry_after;
  }
  co_return head;
}

std::unexpected<Error> CacheDesk::not_cached() {
  return fail(Errc::kTimeout, Origin::kProxy, "not_cached",
              "the request says only-if-cached, and there is no answer that may be given");
}

bool CacheDesk::goes_again(const Trip& trip, const Error& error) {
  if (trip.leads) return false;
  return trip.flight->for_leader_only || error.reason == "answer_gone";
}

http::Response CacheDesk::passing(Exchange& exchange, const StoredHead& head, Trip trip,
                                  CacheStatus status) const {
  http::Response response;
  response.head = response_head(head);
  if (trip.flight->body != nullptr) {
    response.body = body_of(trip.flight->body);
  } else {
    std::unique_ptr<http::BodySource> body = std::move(*trip.reader).body();
    if (trip.leads) body = std::make_unique<FollowedBody>(std::move(body), trip.work, exchange);
    response.body = http::Body(std::move(body), head.length);
  }
  if (trip.leads) {
    status.forward_status = head.status;
    if (exchange.source == Source::kCache) status = of_fallback(exchange);
    count(exchange.source == Source::kCache ? Outcome::kStale : Outcome::kMiss);
  } else {
    exchange.source = Source::kCache;
    exchange.degraded = trip.flight->degraded;
    status.collapsed = true;
    count(Outcome::kCollapsed);
  }
  say(response.head, status);
  return response;
}

void CacheDesk::count(Outcome outcome) const {
  counters_[static_cast<std::size_t>(outcome)].add();
}

void CacheDesk::tell_saved(http::Headers& answer, const TokenUsage& usage) const {
  answer.add("Outrigger-Tokens-Saved",
             fmt::format("input={}, output={}", usage.input, usage.output));
  MetricShard& metrics = context_.metrics;
  metrics.counter(Metric::kTokensSaved, {upstream_, "input", "cache"}).add(usage.input);
  metrics.counter(Metric::kTokensSaved, {upstream_, "output", "cache"}).add(usage.output);
}

}  // namespace outrigger::filters
