#include "filters/cache/page_cache.h"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "filters/cache/given_page.h"
#include "filters/cache/invalidation.h"
#include "filters/cache/validation.h"
#include "filters/cache/vary.h"
#include "filters/credentials/credentials.h"

namespace outrigger::filters {
namespace {

constexpr std::int64_t kMicros = 1'000'000;
// So often a client waits for an answer that turns out not to be for it; then it asks alone.
constexpr int kTrips = 3;

bool has_conditions(const http::Headers& headers) noexcept {
  for (const http::Field& field : headers) {
    if (http::starts_ignoring_case(field.name, "if-") ||
        http::equals_ignore_case(field.name, "range")) {
      return true;
    }
  }
  return false;
}

bool is_server_error(int status) noexcept {
  return status == 500 || status == 502 || status == 503 || status == 504;
}

// Only the upstream can tell what the client asks.
bool needs_upstream(const Exchange& exchange, const CacheEntry& entry) noexcept {
  return evaluate_condition(exchange.request.head.headers, entry.head, entry.page.received_us) ==
         Condition::kUpstream;
}

std::string_view reason_of(const Result<StoredHead>& head) noexcept {
  if (head) return "upstream-error";
  return head.error().reason == "circuit_open" ? "breaker-open" : "upstream-failed";
}

// Whose URLs its answers may name: the upstream's, by whatever way the request came.
std::string authority_of(const Exchange& exchange) {
  const upstream::Routed& routed = exchange.routed;
  if (routed.upstream == nullptr || routed.upstream->endpoints.empty()) {
    return std::string(exchange.client_authority);
  }
  const config::Endpoint& endpoint = routed.upstream->endpoints.front();
  const bool usual = endpoint.port == (endpoint.tls ? 443 : 80);
  return usual ? endpoint.host : fmt::format("{}:{}", endpoint.host, endpoint.port);
}

bool is_for(const Exchange& exchange, const CacheDesk::Trip& trip) {
  const Flight& flight = *trip.flight;
  if (trip.leads || flight.share == Flight::Share::kAll) return true;
  return flight.share == Flight::Share::kSameVariant &&
         vary_text(exchange.request.head.headers, flight.vary) == flight.variant;
}

}  // namespace

bool PageCache::takes_part(const Exchange& exchange) const noexcept {
  const http::RequestHead& head = exchange.request.head;
  return exchange.request.body.ended() && exchange.routed.way != upstream::Way::kTunnel &&
         head.protocol.empty() && head.headers.find(http::HeaderId::kUpgrade) == nullptr;
}

CacheKey PageCache::url_key(const Exchange& exchange, std::string_view target) const {
  Sha256 sha256;
  sha256.add_part("page");
  sha256.add_part(desk_.place(exchange));
  sha256.add(target);
  return sha256.finish();
}

PageAsk PageCache::ask(const Exchange& exchange) const {
  const http::RequestHead& head = exchange.request.head;
  PageAsk ask;
  ask.request.method = head.method;
  ask.request.caller =
      adds_credentials(desk_.policies()) ? Caller::kKnown : caller_of(head.headers);
  ask.request.directives = request_directives(head.headers);
  ask.url = url_key(exchange, head.target);
  if (policy_.mode == config::PageCache::Mode::kPrivate) ask.owner = desk_.owner(exchange);
  return ask;
}

Task<Result<http::Response>> PageCache::handle(Exchange& exchange, Next next) {
  if (!takes_part(exchange)) co_return co_await next(exchange);
  PageAsk ask = this->ask(exchange);
  const RequestDirectives& wishes = ask.request.directives;
  if (wishes.no_store) {
    if (wishes.only_if_cached) co_return CacheDesk::not_cached();
    co_return co_await pass(exchange, next, ask, {.forward = Forward::kRequest});
  }
  const std::int64_t now_us = desk_.now_us(exchange);
  look_in_memory(exchange, ask);
  if (ask.entry == nullptr) co_await look(exchange, ask);
  if (ask.entry == nullptr && !wishes.only_if_cached &&
      desk_.flights().passes(pass_key(ask), now_us / kMicros)) {
    co_return co_await pass(exchange, next, ask, {.forward = forward(exchange, ask)});
  }
  if (desk_.in_shadow()) co_return co_await shadow(exchange, next, std::move(ask));
  if (std::optional<http::Response> response = stored(exchange, ask)) {
    if (decide_reuse(ask.entry->page, wishes, now_us) == Reuse::kStaleWhileRevalidate) {
      refresh(exchange, next, ask);
    }
    co_return std::move(*response);
  }
  if (wishes.only_if_cached) co_return CacheDesk::not_cached();
  co_return co_await fetch(exchange, next, std::move(ask));
}

Task<Result<http::Response>> PageCache::shadow(Exchange& exchange, Next next, PageAsk ask) {
  if (may_give(exchange, ask)) exchange.would_have.push_back({config::Shadowed::kCache, "answer"});
  ask.entry = nullptr;
  co_return co_await fetch(exchange, next, std::move(ask));
}

void PageCache::look_in_memory(const Exchange& exchange, PageAsk& ask) const {
  const std::int64_t now_us = desk_.now_us(exchange);
  ask.entry = nullptr;
  ask.variants = desk_.answers().find(ask.url, now_us);
  if (ask.variants == nullptr) return;
  ask.key = page_key(ask.url, ask.variants->epoch, ask.owner,
                     vary_text(exchange.request.head.headers, ask.variants->vary));
  ask.entry = desk_.answers().find(ask.key, now_us);
}

Task<void> PageCache::look(const Exchange& exchange, PageAsk& ask) const {
  if (ask.variants == nullptr) {
    ask.variants = co_await desk_.find(exchange, ask.url);
    if (ask.variants == nullptr) co_return;
    ask.key = page_key(ask.url, ask.variants->epoch, ask.owner,
                       vary_text(exchange.request.head.headers, ask.variants->vary));
  }
  ask.entry = co_await desk_.find(exchange, ask.key);
}

bool PageCache::may_give(const Exchange& exchange, const PageAsk& ask) const {
  if (ask.entry == nullptr || needs_upstream(exchange, *ask.entry)) return false;
  const Reuse reuse = decide_reuse(ask.entry->page, ask.request.directives, desk_.now_us(exchange));
  return reuse != Reuse::kValidate && reuse != Reuse::kGatewayTimeout;
}

std::optional<http::Response> PageCache::stored(Exchange& exchange, const PageAsk& ask) const {
  if (!may_give(exchange, ask)) return std::nullopt;
  switch (decide_reuse(ask.entry->page, ask.request.directives, desk_.now_us(exchange))) {
    case Reuse::kFresh:
      desk_.count(CacheDesk::Outcome::kHit);
      return give(exchange, ask, ask.entry, {});
    case Reuse::kStale:
      desk_.count(CacheDesk::Outcome::kStale);
      return give(exchange, ask, ask.entry, {});
    case Reuse::kStaleWhileRevalidate:
      desk_.count(CacheDesk::Outcome::kStale);
      return give(exchange, ask, ask.entry, {.detail = "revalidating"});
    case Reuse::kValidate:
    case Reuse::kGatewayTimeout:
      break;
  }
  return std::nullopt;
}

http::Response PageCache::give(Exchange& exchange, const PageAsk& ask, const CacheEntryPtr& entry,
                               CacheStatus status) const {
  const std::int64_t now_us = desk_.now_us(exchange);
  exchange.source = Source::kCache;
  http::Response response =
      given_page(exchange.request.head, entry, current_age(entry->page, now_us), exchange.id());
  if (!status.forward) status.ttl = time_to_live(entry->page, now_us);
  if (ask.variants != nullptr) status.key = desk_.shown(ask.key);
  desk_.say(response.head, status);
  return response;
}

// Without the cache, but for what the answer tells of the URL.
Task<Result<http::Response>> PageCache::pass(Exchange& exchange, Next next, const PageAsk& ask,
                                             CacheStatus status) const {
  const std::int64_t requested_us = desk_.now_us(exchange);
  desk_.count(CacheDesk::Outcome::kBypass);
  Result<http::Response> outcome = co_await next(exchange);
  if (!outcome) co_return outcome;
  learn(exchange, ask, outcome->head, requested_us);
  status.forward_status = outcome->head.status;
  desk_.say(outcome->head, status);
  co_return outcome;
}

void PageCache::learn(const Exchange& exchange, const PageAsk& ask,
                      const http::ResponseHead& answer, std::int64_t requested_us) const {
  const AnswerTimes times{requested_us, desk_.now_us(exchange)};
  if (ask.request.method == http::Method::kGet) {
    if (store_page(ask.request, answer, policy_, times))
      desk_.flights().pass_until(pass_key(ask), 0);
    return;
  }
  if (ask.entry == nullptr) return;
  // An answer to HEAD (RFC 9111 4.3.5).
  switch (head_effect(answer, ask.entry->head)) {
    case HeadEffect::kNothing:
      return;
    case HeadEffect::kOutdates:
      return desk_.answers().erase(ask.key);
    case HeadEffect::kFreshens:
      break;
  }
  PageRequest as_get = ask.request;
  as_get.method = http::Method::kGet;
  auto page = store_page(as_get, freshened(ask.entry->head, answer.headers), policy_, times);
  if (!page) return desk_.answers().erase(ask.key);
  CacheEntry entry = *ask.entry;
  entry.head = std::move(page->head);
  entry.page = page->facts;
  entry.expires_us = page->expires_us;
  entry.keep_until_us = page->keep_until_us;
  desk_.shared().put(ask.key, std::make_shared<const CacheEntry>(std::move(entry)));
}

Forward PageCache::forward(const Exchange& exchange, const PageAsk& ask) const {
  if (ask.entry == nullptr) return ask.variants == nullptr ? Forward::kUriMiss : Forward::kVaryMiss;
  const bool fresh = time_to_live(ask.entry->page, desk_.now_us(exchange)) > Duration{0};
  return fresh ? Forward::kRequest : Forward::kStale;
}

// A client's own conditions and ranges are for its own answer; with one to validate they wait.
bool PageCache::may_fill(const Exchange& exchange, const PageAsk& ask) const noexcept {
  const http::Headers& headers = exchange.request.head.headers;
  if (ask.request.method != http::Method::kGet) return false;
  if (ask.entry != nullptr) return !needs_upstream(exchange, *ask.entry);
  return !has_conditions(headers);
}

void PageCache::lead(Exchange& exchange, Next next, const PageAsk& ask, CacheDesk::Trip& trip) {
  desk_.lead(exchange, next, trip,
             {.key = ask.variants == nullptr ? ask.url : ask.key,
              .keeper = std::make_unique<PageKeeper>(desk_, ask, desk_.now_us(exchange)),
              .validates = ask.entry == nullptr ? nullptr : &ask.entry->head});
}

// Nobody waits for it.
void PageCache::refresh(Exchange& exchange, Next next, const PageAsk& ask) {
  CacheDesk::Trip trip = desk_.board_unseen(exchange, ask.key, ask.owner);
  if (trip.leads) lead(exchange, next, ask, trip);
}

Task<Result<http::Response>> PageCache::fetch(Exchange& exchange, Next next, PageAsk ask) {
  const bool alone =
      !desk_.policy().collapse || ask.request.directives.no_cache || desk_.in_shadow();
  for (int trips = 0; trips < kTrips && may_fill(exchange, ask); ++trips) {
    CacheDesk::Trip trip =
        desk_.board(exchange, ask.variants == nullptr ? ask.url : ask.key, ask.owner,
                    alone ? CacheDesk::Company::kNone : CacheDesk::Company::kAny);
    if (trip.leads) lead(exchange, next, ask, trip);
    Result<StoredHead> head = co_await desk_.wait_for_head(exchange, trip);
    auto answer = settle(exchange, ask, trip, std::move(head));
    if (answer) co_return std::move(*answer);
    look_in_memory(exchange, ask);
    if (auto found = stored(exchange, ask)) co_return std::move(*found);
    if (desk_.flights().passes(pass_key(ask), desk_.now_us(exchange) / kMicros)) break;
  }
  const CacheStatus status{.forward = forward(exchange, ask)};
  co_return co_await pass(exchange, next, ask, status);
}

std::optional<Result<http::Response>> PageCache::settle(Exchange& exchange, const PageAsk& ask,
                                                        CacheDesk::Trip& trip,
                                                        Result<StoredHead> head) const {
  const bool failed = head ? is_server_error(head->status) : head.error().origin != Origin::kClient;
  if (failed && ask.entry != nullptr &&
      may_serve_on_error(ask.entry->page, ask.request.directives, desk_.now_us(exchange))) {
    desk_.count(CacheDesk::Outcome::kStale);
    return give(exchange, ask, ask.entry, {.detail = reason_of(head)});  // RFC 5861 4
  }
  if (!head) {
    if (CacheDesk::goes_again(trip, head.error())) return std::nullopt;
    return std::unexpected(std::move(head).error());
  }
  if (!is_for(exchange, trip)) return std::nullopt;
  CacheStatus status{.forward = forward(exchange, ask), .collapsed = !trip.leads};
  if (trip.flight->entry != nullptr) {
    desk_.count(CacheDesk::Outcome::kRevalidated);
    if (trip.leads) status.forward_status = head->status;
    return give(exchange, ask, trip.flight->entry, status);
  }
  // Not asked for by this client: the next trip asks without conditions.
  if (head->status == 304 && ask.entry != nullptr) return std::nullopt;
  return desk_.passing(exchange, *head, std::move(trip), status);
}

Task<Result<http::Response>> PageCache::handle_write(Exchange& exchange, Next next) {
  const http::RequestHead& head = exchange.request.head;
  const std::string authority = authority_of(exchange);
  const WriteRequest write{head.method, head.scheme, authority, head.target};
  Result<http::Response> outcome = co_await next(exchange);
  if (!outcome) co_return outcome;
  for (const std::string& target : invalidated_targets(write, outcome->head)) {
    const CacheKey url = url_key(exchange, target);
    desk_.flights().outdate(url);
    desk_.answers().erase(url);
  }
  co_return outcome;
}

}  // namespace outrigger::filters
