#include "filters/hedge/lane.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "filters/retry/give_up.h"
#include "filters/retry/safety.h"

namespace outrigger::filters {
namespace {

// The same request once more: its text is the first one's, which outlives it.
http::Request request_of(const Exchange& whole, const Slice& body) {
  http::Request request{whole.request.head, http::Body(body)};
  return request;
}

}  // namespace

Lane::Lane(Exchange& whole_exchange, const Slice& body, std::uint64_t avoid,
           std::function<void()> ended)
    : whole_(whole_exchange),
      scope_(*whole_exchange.scope),
      begun_(whole_exchange.loop.now()),
      tell_(std::move(ended)),
      exchange_(whole_exchange.loop, request_of(whole_exchange, body), silent_,
                whole_exchange.client, scope_),
      group_(whole_exchange.loop) {
  exchange_.routed = whole_.routed;
  exchange_.request_bytes = whole_.request_bytes;
  std::ranges::copy(whole_.id_text, exchange_.id_text);
  exchange_.started = whole_.started;
  exchange_.model = whole_.model;
  exchange_.credential = whole_.credential;
  exchange_.keys = whole_.keys;
  exchange_.deadline = whole_.deadline;
  exchange_.patience = whole_.patience;
  exchange_.avoid = whole_.avoid | avoid;
  exchange_.avoid_strictly = whole_.avoid_strictly;
  exchange_.wants_usage = whole_.wants_usage;
  exchange_.probing = whole_.probing;
  exchange_.gate = whole_.gate;
  exchange_.upstream_key = whole_.upstream_key;
  exchange_.when_concluded(*this);
}

Lane::~Lane() = default;

void Lane::start(Next next) {
  // From the loop, when the frame is gone: whoever hears of it may destroy the lane.
  group_.on_empty([this] {
    ended_ = true;
    tell_();
  });
  group_.spawn(run(*this, next));
}

// An exception is a bug that costs this exchange, here as in the root of every other.
Task<void> Lane::run(Lane& self, Next next) {
  try {
    self.outcome_ = co_await next(self.exchange_);
  } catch (const std::exception& bug) {
    self.outcome_ = fail(Errc::kInternal, Origin::kProxy, "proxy_internal_error", bug.what());
  }
}

bool Lane::good() const noexcept {
  if (!ended_ || !*outcome_ || exchange_.attempts.empty()) return false;
  const Attempt& last = exchange_.attempts.back();
  return !last.judged || last.verdict == Verdict::kOk;
}

bool Lane::settles() const noexcept {
  if (good()) return true;
  if (!ended_ || exchange_.attempts.empty()) return false;
  if (*outcome_ && should_retry((*outcome_)->head.headers) == false) return true;
  const Attempt& last = exchange_.attempts.back();
  return last.judged && last.verdict != Verdict::kCancelled && is_final(last.verdict);
}

std::uint64_t Lane::endpoints() const noexcept {
  std::uint64_t tried = 0;
  for (const Attempt& attempt : exchange_.attempts) {
    if (attempt.endpoint_index < 64) tried |= std::uint64_t{1} << attempt.endpoint_index;
  }
  return tried;
}

Duration Lane::latency() const noexcept {
  const Attempt& last = exchange_.attempts.back();
  return last.answered.value_or(last.ended) - begun_;
}

void Lane::merge() {
  merged_at_ = whole_.attempts.size();
  for (const Attempt& attempt : exchange_.attempts) {
    const std::size_t at = whole_.attempts.size();
    whole_.attempts.push_back(attempt);
    Attempt& copy = whole_.attempts.back();
    copy.concluded = false;
    copy.error = whole_.request.head.headers.intern(attempt.error);
    if (attempt.concluded) whole_.conclude(at, attempt.verdict);
  }
}

void Lane::on_concluded(Exchange& exchange, Attempt& attempt) {
  if (!merged_at_) return;
  const auto index = static_cast<std::size_t>(&attempt - exchange.attempts.data());
  copy_end(attempt, *merged_at_ + index);
}

// What a stream's end changes of its attempt.
void Lane::copy_end(const Attempt& from, std::size_t to) {
  Attempt& attempt = whole_.attempts[to];
  if (attempt.concluded) return;
  attempt.failed = from.failed;
  attempt.code = from.code;
  attempt.phase = from.phase;
  attempt.reason = from.reason;
  attempt.judged = from.judged;
  attempt.scope = from.scope;
  attempt.hint = from.hint;
  attempt.answered = from.answered;
  attempt.usage = from.usage;
  attempt.error = whole_.request.head.headers.intern(from.error);
  whole_.conclude(to, from.verdict);
}

}  // namespace outrigger::filters
