#include "filters/cache/prompt_keeper.h"

#include <chrono>
#include <utility>

#include "filters/cache/cache_tags.h"
#include "filters/cache/stored_response.h"

namespace outrigger::filters {
namespace {

std::int64_t micros(Duration time) noexcept {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

// What is of this delivery only, or of this client.
bool is_kept(const http::Field& field) noexcept {
  for (const std::string_view name :
       {"set-cookie", "date", "age", "content-length", "cache-status", "via", "retry-after",
        "proxy-status", "connection", "transfer-encoding", "server-timing", "alt-svc"}) {
    if (http::equals_ignore_case(field.name, name)) return false;
  }
  return !http::starts_ignoring_case(field.name, "x-ratelimit-") &&
         !http::starts_ignoring_case(field.name, "anthropic-ratelimit-");
}

StoredHead kept_head(const http::Response& response) {
  StoredHead head{.status = response.head.status, .fields = {}, .length = {}};
  for (const http::Field& field : response.head.headers) {
    if (is_kept(field)) head.fields.push_back({std::string(field.name), std::string(field.value)});
  }
  return head;
}

}  // namespace

PromptKeeper::PromptKeeper(const CacheDesk& desk, PromptAsk ask, std::int64_t now_us)
    : desk_(desk), ask_(std::move(ask)), requested_us_(now_us) {}

// Who has the same key may have all that comes of it, a failure too: it is the same request of the
// same owner.
AnswerKeeper::Take PromptKeeper::begin(Exchange& exchange, const http::Response& response,
                                       Flight& flight) {
  flight.share = Flight::Share::kAll;
  const bool theirs = exchange.source == Source::kUpstream && !exchange.degraded;
  if (!theirs || exchange.attempts.empty() || response.body.trailers() != nullptr) {
    return Take::kNothing;
  }
  review_.emplace(ask_.call, desk_.policies().dialect, response.head, desk_.policy());
  if (review_->bar()) return Take::kNothing;
  head_ = kept_head(response);
  loop_ = &exchange.loop;
  began_ = loop_->now();
  return Take::kBody;
}

void PromptKeeper::see(std::string_view bytes, std::uint64_t) {
  if (review_->bar()) return;
  const auto after = std::chrono::duration_cast<std::chrono::milliseconds>(loop_->now() - began_);
  review_->add(bytes, static_cast<std::uint32_t>(after.count()));
}

std::optional<AnswerKeeper::Kept> PromptKeeper::finish(Exchange& exchange) {
  const Attempt& last = exchange.attempts.back();
  if (!last.judged || last.verdict != Verdict::kOk || review_->bar()) return std::nullopt;
  ReviewedAnswer reviewed = review_->finish();
  if (reviewed.bar) return std::nullopt;
  const config::Cache& policy = desk_.policy();
  const std::int64_t now_us = desk_.now_us(exchange);
  CacheEntry entry;
  entry.kind = CacheEntry::Kind::kPrompt;
  entry.upstream = desk_.upstream();
  entry.model = ask_.model;
  entry.stored_us = now_us;
  entry.expires_us = now_us + micros(*policy.ttl);
  entry.keep_until_us = entry.expires_us + micros(policy.stale);
  entry.head = std::move(head_);
  entry.events = std::move(reviewed.events);
  entry.prompt.usage = reviewed.usage;
  return Kept{ask_.key, std::move(entry)};
}

bool PromptKeeper::within(Duration most) const {
  return requested_us_ - ask_.entry->expires_us <= micros(most);
}

http::Response PromptKeeper::give() {
  http::Response response;
  response.head = head_of(ask_.entry);
  response.body = body_of(ask_.entry);
  http::Headers& headers = response.head.headers;
  add_age(headers, std::chrono::microseconds(requested_us_ - ask_.entry->stored_us));
  if (ask_.entry->prompt.usage) desk_.tell_saved(headers, *ask_.entry->prompt.usage);
  return response;
}

}  // namespace outrigger::filters
