#include "filters/cache/prompt_cache.h"

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "filters/cache/prompt_key.h"
#include "filters/cache/prompt_rules.h"
#include "filters/cache/stored_response.h"
#include "filters/intake/replay_body.h"

namespace outrigger::filters {
namespace {

// So often a client waits for an answer that fails for a reason of another's; then it asks alone.
constexpr int kTrips = 3;

Duration since(std::int64_t then_us, std::int64_t now_us) noexcept {
  return std::chrono::microseconds(std::max<std::int64_t>(now_us - then_us, 0));
}

// The request's body, for whoever has to look into it; nothing where it is too long for that or to
// be kept. It is read from the start afterwards.
Task<Result<std::optional<std::string>>> read_body(Exchange& exchange) {
  if (const Slice* whole = exchange.request.body.whole()) co_return std::string(whole->view());
  ReplayBody* const replay = exchange.replay;
  if (replay == nullptr) co_return std::nullopt;
  const std::optional<std::uint64_t> length = exchange.request.body.length();
  if (!length && !replay->read_whole()) {
    // It may be longer than is kept, and then what was read of it must be in memory.
    CO_TRY(co_await replay->read_ahead(ReplayBody::kInMemory, *exchange.scope));
    if (!replay->ended() || !replay->whole_in_memory()) co_return std::nullopt;
  } else if (length && (*length > kLargestPrompt || !replay->keeps(*length))) {
    co_return std::nullopt;
  }
  if (!replay->read_whole()) {
    CO_TRY(co_await replay->read_all([](std::string_view) {}, *exchange.scope));
  }
  std::string text;
  for (;;) {
    CO_TRY(const Slice piece, co_await replay->read(*exchange.scope));
    if (piece.empty()) break;
    text += piece.view();
  }
  replay->rewind();
  co_return text;
}

// Which of the answers to one prompt, where several are wanted: the end of the request's id is
// random.
std::uint32_t sample_of(const Exchange& exchange, std::uint32_t samples) noexcept {
  if (samples < 2) return 0;
  std::uint32_t number = 0;
  for (const char letter : exchange.id().substr(exchange.id().size() - 4)) {
    number = number * 31 + static_cast<unsigned char>(letter);
  }
  return number % samples;
}

}  // namespace

Task<Result<http::Response>> PromptCache::handle(Exchange& exchange, Next next) {
  const RequestDirectives wishes = request_directives(exchange.request.head.headers);
  if (wishes.no_store) {
    if (wishes.only_if_cached) co_return CacheDesk::not_cached();
    co_return co_await pass(exchange, next, {.forward = Forward::kRequest});
  }
  CO_TRY(const std::optional<std::string> body, co_await read_body(exchange));
  auto asked = body ? ask(exchange, *body) : std::unexpected(PromptBar::kTooLarge);
  if (!asked) {
    if (wishes.only_if_cached) co_return CacheDesk::not_cached();
    co_return co_await pass(exchange, next,
                            {.forward = Forward::kBypass, .detail = to_string(asked.error())});
  }
  CacheEntryPtr entry = co_await desk_.find(exchange, asked->key);
  const bool there = may_give(entry, wishes, desk_.now_us(exchange));
  if (desk_.in_shadow()) {
    if (there) exchange.would_have.push_back({config::Shadowed::kCache, "answer"});
    co_return co_await fetch(exchange, next, std::move(*asked), wishes);
  }
  if (there) co_return give(exchange, *asked, entry);
  if (wishes.only_if_cached) co_return CacheDesk::not_cached();
  asked->entry = std::move(entry);
  co_return co_await fetch(exchange, next, std::move(*asked), wishes);
}

std::expected<PromptAsk, PromptBar> PromptCache::ask(const Exchange& exchange,
                                                     std::string_view body) const {
  const http::RequestHead& head = exchange.request.head;
  const config::Cache& policy = desk_.policy();
  PromptRuling ruling = prompt_ruling(head, body, desk_.policies().dialect, policy);
  if (ruling.bar) return std::unexpected(*ruling.bar);
  const std::string upstream = desk_.place(exchange);
  const std::string owner = desk_.owner(exchange);
  auto key = prompt_key(head, body, policy, {upstream, owner, sample_of(exchange, policy.samples)});
  if (!key) return std::unexpected(key.error());
  return PromptAsk{*key, ruling.call, ruling.may_call_tools, std::move(ruling.model), nullptr};
}

bool PromptCache::may_give(const CacheEntryPtr& entry, const RequestDirectives& wishes,
                           std::int64_t now_us) const noexcept {
  if (entry == nullptr || wishes.no_cache) return false;
  if (wishes.max_age && since(entry->stored_us, now_us) > *wishes.max_age) return false;
  const Duration left = std::chrono::microseconds(entry->expires_us - now_us);
  if (left > Duration{0}) return left >= wishes.min_fresh.value_or(Duration{0});
  return wishes.max_stale && -left <= *wishes.max_stale;
}

http::Response PromptCache::give(Exchange& exchange, const PromptAsk& ask,
                                 const CacheEntryPtr& entry) const {
  const std::int64_t now_us = desk_.now_us(exchange);
  exchange.source = Source::kCache;
  desk_.count(CacheDesk::Outcome::kHit);
  http::Response response;
  response.head = head_of(entry);
  const bool paced =
      desk_.policy().streams == config::ReplayPace::kRecorded && !entry->events.empty();
  response.body = paced ? paced_body_of(entry, exchange.loop) : body_of(entry);
  http::Headers& headers = response.head.headers;
  add_age(headers, since(entry->stored_us, now_us));
  if (entry->prompt.usage) desk_.tell_saved(headers, *entry->prompt.usage);
  desk_.say(response.head, {.ttl = std::chrono::microseconds(entry->expires_us - now_us),
                            .key = desk_.shown(ask.key)});
  return response;
}

Task<Result<http::Response>> PromptCache::pass(Exchange& exchange, Next next,
                                               CacheStatus status) const {
  desk_.count(CacheDesk::Outcome::kBypass);
  Result<http::Response> outcome = co_await next(exchange);
  if (!outcome) co_return outcome;
  status.forward_status = outcome->head.status;
  desk_.say(outcome->head, status);
  co_return outcome;
}

// Two who get one answer with calls of tools both make the calls: they do not share one unless the
// policy says so.
Task<Result<http::Response>> PromptCache::fetch(Exchange& exchange, Next next, PromptAsk ask,
                                                RequestDirectives wishes) {
  const bool joins = desk_.policy().collapse && !wishes.no_cache && !desk_.in_shadow() &&
                     (!ask.may_call_tools || desk_.policy().tool_calls);
  const bool fresh = ask.entry != nullptr && desk_.now_us(exchange) < ask.entry->expires_us;
  const CacheStatus status{.forward = ask.entry == nullptr ? Forward::kMiss
                                      : fresh              ? Forward::kRequest
                                                           : Forward::kStale,
                           .key = desk_.shown(ask.key)};
  for (int trips = 0; trips < kTrips; ++trips) {
    CacheDesk::Trip trip = desk_.board(
        exchange, ask.key, {}, joins ? CacheDesk::Company::kAny : CacheDesk::Company::kNone);
    if (trip.leads) {
      desk_.lead(exchange, next, trip,
                 {.key = ask.key,
                  .coding = Detached::Coding::kIdentity,
                  .keeper = std::make_unique<PromptKeeper>(desk_, ask, desk_.now_us(exchange))});
    }
    const Result<StoredHead> head = co_await desk_.wait_for_head(exchange, trip);
    if (head) co_return desk_.passing(exchange, *head, std::move(trip), status);
    if (!CacheDesk::goes_again(trip, head.error())) co_return std::unexpected(head.error());
    const CacheEntryPtr entry = desk_.answers().find(ask.key, desk_.now_us(exchange));
    if (may_give(entry, wishes, desk_.now_us(exchange))) co_return give(exchange, ask, entry);
  }
  co_return co_await pass(exchange, next, status);
}

}  // namespace outrigger::filters
