#include "filters/cache/page_keeper.h"

#include <algorithm>
#include <utility>

#include "filters/cache/cache_tags.h"
#include "filters/cache/reuse.h"
#include "filters/cache/stored_response.h"
#include "filters/cache/validation.h"
#include "filters/cache/vary.h"

namespace outrigger::filters {
namespace {

constexpr std::int64_t kMicros = 1'000'000;

// Whatever an answer says of itself: a failure is not kept.
bool is_failure(int status) noexcept {
  return status >= 500 || status == 401 || status == 403 || status == 407 || status == 408 ||
         status == 421 || status == 425 || status == 429;
}

// The names together, in order.
std::vector<std::string> united(const std::vector<std::string>& a,
                                const std::vector<std::string>& b) {
  std::vector<std::string> all;
  std::ranges::set_union(a, b, std::back_inserter(all));
  return all;
}

CacheEntry variants_entry(std::vector<std::string> vary, std::uint64_t epoch, std::string upstream,
                          std::int64_t now_us, std::int64_t keep_until_us) {
  CacheEntry entry;
  entry.kind = CacheEntry::Kind::kVariants;
  entry.upstream = std::move(upstream);
  entry.stored_us = now_us;
  entry.expires_us = entry.keep_until_us = keep_until_us;
  entry.vary = std::move(vary);
  entry.epoch = epoch;
  return entry;
}

}  // namespace

// The epoch is random, so where nothing else counts it needs no hashing. It changes the part by
// which entries are found.
CacheKey page_key(const CacheKey& url, std::uint64_t epoch, std::string_view owner,
                  std::string_view variant) {
  if (owner.empty() && variant.empty()) {
    CacheKey key = url;
    for (std::size_t i = 0; i < sizeof epoch; ++i) {
      key[i] ^= static_cast<std::uint8_t>(epoch >> (8 * i));
    }
    return key;
  }
  Sha256 sha256;
  sha256.add_part(text_of(url));
  sha256.add_part({reinterpret_cast<const char*>(&epoch), sizeof epoch});
  sha256.add_part(owner);
  sha256.add(variant);
  return sha256.finish();
}

CacheKey pass_key(const PageAsk& ask) noexcept {
  CacheKey key = ask.url;
  if (ask.request.caller == Caller::kKnown) key.back() ^= 1;
  return key;
}

PageKeeper::PageKeeper(CacheDesk& desk, PageAsk ask, std::int64_t now_us)
    : desk_(desk), ask_(std::move(ask)), requested_us_(now_us) {}

AnswerKeeper::Take PageKeeper::begin(Exchange& exchange, const http::Response& response,
                                     Flight& flight) {
  const std::int64_t now_us = desk_.now_us(exchange);
  if (exchange.source == Source::kCache) {  // a stale one: it is everybody's who asked
    flight.share = Flight::Share::kAll;
    return Take::kNothing;
  }
  const bool theirs = exchange.source == Source::kUpstream && !exchange.degraded;
  if (!theirs) return Take::kNothing;
  const bool validates = ask_.entry != nullptr && response.head.status == 304;
  if (validates && !confirms(response.head.headers, ask_.entry->head)) {
    desk_.answers().erase(ask_.key);  // the next one asks without conditions
    return Take::kNothing;
  }
  http::ResponseHead fresh;
  if (validates) fresh = freshened(ask_.entry->head, response.head.headers);
  const http::ResponseHead& head = validates ? fresh : response.head;
  const AnswerTimes times{requested_us_, now_us};
  auto page = stored(head, times);
  const bool kept = page.has_value() && !is_failure(head.status);
  if (!kept && !validates) {
    if (!is_failure(head.status)) mark_as_passing(now_us);
    return Take::kNothing;
  }
  const bool known = kept && know_variants(exchange, head.headers, flight);
  CacheEntry entry;
  entry.kind = CacheEntry::Kind::kPage;
  entry.upstream = desk_.upstream();
  entry.tags = tags_of(head.headers);
  entry.stored_us = now_us;
  if (page) {
    entry.expires_us = page->expires_us;
    entry.keep_until_us = page->keep_until_us;
    entry.head = std::move(page->head);
    entry.page = page->facts;
  }
  if (!validates) {
    if (!known) return Take::kNothing;
    kept_ = Kept{ask_.key, std::move(entry)};
    return Take::kBody;
  }
  // What may not be kept any more is given this once.
  if (!page) {
    entry.head = ask_.entry->head;
    entry.page = ask_.entry->page;
  }
  entry.body = ask_.entry->body;
  flight.entry = std::make_shared<const CacheEntry>(std::move(entry));
  flight.share = kept ? Flight::Share::kAll : Flight::Share::kNobody;
  if (known) desk_.shared().put(ask_.key, flight.entry);
  return Take::kNothing;
}

// For a fallback to it, it is kept as long as if it could be given whenever the upstream fails;
// what is given by itself is another matter.
std::expected<StoredPage, NotStored> PageKeeper::stored(const http::ResponseHead& head,
                                                        const AnswerTimes& times) const {
  config::PageCache policy = *desk_.policy().http;
  policy.stale_if_error = std::max(policy.stale_if_error.value_or(Duration{0}), desk_.kept_stale());
  auto page = store_page(ask_.request, head, policy, times);
  const bool by_policy = !answer_directives(head.headers, policy).if_error;
  if (page && by_policy) page->facts.if_error = desk_.policy().http->stale_if_error;
  return page;
}

// The next one may be nobody else's, too: who asks does not wait for it.
void PageKeeper::mark_as_passing(std::int64_t now_us) const {
  desk_.flights().pass_until(pass_key(ask_), now_us / kMicros + kPassSeconds);
}

// Where the URL was invalidated since this request began, its answer may be of before.
bool PageKeeper::know_variants(const Exchange& exchange, const http::Headers& answer,
                               Flight& flight) {
  const http::Headers& request = exchange.request.head.headers;
  const std::int64_t now_us = desk_.now_us(exchange);
  const bool first = ask_.variants == nullptr;
  std::vector<std::string> names = vary_names(answer).names;
  flight.share = first ? Flight::Share::kSameVariant : Flight::Share::kAll;
  flight.vary = names;
  flight.variant = vary_text(request, names);
  if (flight.outdated.load(std::memory_order_acquire) || (first && flight.unseen)) return false;
  const CacheEntryPtr known = desk_.answers().find(ask_.url, now_us);
  if (!first && (known == nullptr || known->epoch != ask_.variants->epoch)) return false;
  const std::uint64_t epoch = known != nullptr ? known->epoch : desk_.new_epoch();
  if (known != nullptr) names = united(known->vary, names);
  constexpr std::int64_t kYear = 366LL * 24 * 3600 * kMicros;
  if (known == nullptr || known->vary != names) {
    desk_.shared().put(ask_.url, std::make_shared<const CacheEntry>(variants_entry(
                                     names, epoch, desk_.upstream(), now_us, now_us + kYear)));
  }
  ask_.key = page_key(ask_.url, epoch, ask_.owner, vary_text(request, names));
  // From now on it is looked for by that key.
  if (first && !flight.unseen) desk_.flights().add(ask_.key, flight);
  return true;
}

std::optional<AnswerKeeper::Kept> PageKeeper::finish(Exchange&) {
  return std::move(kept_);
}

bool PageKeeper::within(Duration most) const {
  const PageFacts& facts = ask_.entry->page;
  if (facts.must_revalidate || facts.always_validate) return false;
  return -time_to_live(facts, requested_us_) <= most;
}

http::Response PageKeeper::give() {
  http::Response response;
  response.head = head_of(ask_.entry);
  response.body = body_of(ask_.entry);
  add_age(response.head.headers, current_age(ask_.entry->page, requested_us_));
  return response;
}

}  // namespace outrigger::filters
