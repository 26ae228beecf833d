#include "filters/fallback/second_ways.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "filters/classify/hint_values.h"
#include "filters/retry/give_up.h"
#include "filters/retry/safety.h"
#include "proxy/base/redact.h"

namespace outrigger::filters {
namespace {

config::Replay replay_of(const config::Policies& policies, const http::RequestHead& head) {
  const bool keyed = head.headers.find(http::HeaderId::kIdempotencyKey) != nullptr;
  return replay_class(policies, head.method, keyed ? KeySent::kYes : KeySent::kNo);
}

// What a client shows to one provider is nothing for another.
void remove_credentials(http::Headers& headers) {
  std::erase_if(headers.fields(), [](const http::Field& field) {
    return field.id != http::HeaderId::kIdempotencyKey && is_secret_header(field.name);
  });
}

// The same hosts: one more name for one provider.
bool same_hosts(const config::Upstream& a, const config::Upstream& b) {
  return std::ranges::all_of(a.endpoints, [&](const config::Endpoint& endpoint) {
    return std::ranges::any_of(b.endpoints, [&](const config::Endpoint& other) {
      return endpoint.host == other.host && endpoint.port == other.port;
    });
  });
}

std::optional<Duration> come_back_of(const http::Headers& headers) {
  if (const http::Field* field = headers.find("retry-after-ms")) {
    if (const auto wait = hint_of_milliseconds(field->value)) return wait;
  }
  return hint_of_seconds(headers.get(http::HeaderId::kRetryAfter));
}

// Nobody reads the request's body any more once it is gone.
bool is_complete(const Result<http::Response>& outcome) noexcept {
  return !outcome || (outcome->tunnel == nullptr && outcome->body.whole() != nullptr);
}

// An answer of an upstream says more than an error of ours, and one of those that tells what
// happened more than one that tells that nothing was tried.
int rank(const Result<http::Response>& outcome) noexcept {
  if (outcome) return 2;
  return outcome.error().origin == Origin::kUpstream ? 1 : 0;
}

}  // namespace

SecondWays::SecondWays(const config::Policies& policies, const Switchboard& switchboard,
                       Exchange& exchange)
    : policies_(policies),
      switchboard_(switchboard),
      exchange_(exchange),
      body_(exchange),
      replay_(replay_of(policies, exchange.request.head)) {}

// An edited body stays: what answered early may still read it.
SecondWays::~SecondWays() {
  restore_head();
}

const config::Fallback* SecondWays::next(const Result<http::Response>& outcome) {
  const auto why = trigger_of(exchange_, outcome, first_);
  if (!why || exchange_.routed.way == upstream::Way::kTunnel) return nullptr;
  const std::size_t count = std::min<std::size_t>(policies_.fallback.size(), 64);
  for (std::size_t i = 0; i < count; ++i) {
    const config::Fallback& way = policies_.fallback[i];
    const std::uint64_t bit = std::uint64_t{1} << i;
    if ((tried_ & bit) != 0 || !takes(way, *why)) continue;
    tried_ |= bit;
    if (way.answer) return &way;
    if (way.stale) {
      if (exchange_.stale != nullptr && exchange_.stale->within(*way.stale)) return &way;
      continue;
    }
    const Again again = leaves(way) || edits(way) ? Again::kOtherRequest : Again::kSameRequest;
    if (body_.possible() && may_send_after(exchange_.attempts, replay_, again)) return &way;
  }
  return nullptr;
}

bool SecondWays::leaves(const config::Fallback& way) const noexcept {
  const upstream::Routed& from = original_ ? original_->routed : exchange_.routed;
  return !way.upstream.empty() && way.upstream != from.upstream->name;
}

// Another body, and so another idempotency key.
bool SecondWays::edits(const config::Fallback& way) const noexcept {
  const std::string_view model = original_ ? original_->model : exchange_.model;
  return !way.set.empty() || model_for(way, model) != model;
}

Task<Status> SecondWays::turn_to(const config::Fallback& way, Result<http::Response>& failed) {
  const upstream::Routed& from = original_ ? original_->routed : exchange_.routed;
  const auto upstream =
      way.upstream.empty() ? std::optional(from.upstream_index) : switchboard_.find(way.upstream);
  if (!upstream) {
    co_return fail(Errc::kInternal, Origin::kProxy, "proxy_configuration_error",
                   "no such upstream");
  }
  if (kept_body_) let_go(failed);
  restore();
  if (!original_) {
    original_ = Original{exchange_.routed, exchange_.request.head.target, exchange_.model,
                         exchange_.credential, exchange_.request.head.headers.fields()};
  }
  const Detour detour = detour_of(way, below_base(original_->routed), original_->model);
  std::optional<std::string> edited;
  if (edits_body(detour, way)) {
    Result<std::string> text = co_await whole_body(failed);
    if (!text) co_return std::unexpected(std::move(text).error());
    edited = edited_body(*text, detour, way);
    if (!edited) {
      co_return fail(Errc::kProtocol, Origin::kClient, "bad_request", "the body is no JSON object");
    }
  }
  let_go(failed);
  set_aside(std::move(failed));
  body_.rewind();
  if (edited) {
    const auto number = &way - policies_.fallback.data() + 1;
    kept_body_ = put_body(exchange_, *edited, fmt::format("fallback{}", number));
  }
  enter(way, *upstream, detour);
  co_return Status{};
}

// The request is the client's again.
void SecondWays::restore() {
  if (kept_body_) put_back(exchange_, std::move(*kept_body_));
  kept_body_.reset();
  restore_head();
}

void SecondWays::restore_head() {
  if (!original_) return;
  http::RequestHead& head = exchange_.request.head;
  exchange_.routed = original_->routed;
  head.target = original_->target;
  head.headers.fields() = original_->fields;
  exchange_.model = original_->model;
  exchange_.credential = original_->credential;
}

// What the client named below the base path of its upstream.
std::string_view SecondWays::below_base(const upstream::Routed& routed) const noexcept {
  std::string_view target = original_->target;
  const std::string& base = routed.upstream->endpoints.front().base_path;
  if (target.starts_with(base)) target.remove_prefix(base.size());
  return target;
}

void SecondWays::enter(const config::Fallback& way, std::uint32_t upstream, const Detour& detour) {
  http::RequestHead& head = exchange_.request.head;
  const upstream::Routed& from = original_->routed;
  const std::string_view path = std::string_view(detour.target).substr(0, detour.target.find('?'));
  upstream::Routed to = switchboard_.route(upstream, from.way, head, path);
  to.forward_host = from.forward_host;
  to.forward_port = from.forward_port;
  to.forward_tls = from.forward_tls;
  std::string target = detour.target;
  if (to.upstream != from.upstream && !same_hosts(*to.upstream, *from.upstream)) {
    remove_credentials(head.headers);
    target = without_credentials(target);
    exchange_.credential = 0;
  }
  to.target = head.headers.intern(to.upstream->endpoints.front().base_path, target);
  head.target = to.target;
  if (!detour.model.empty()) exchange_.model = head.headers.intern(detour.model);
  exchange_.routed = std::move(to);
  exchange_.avoid = 0;
  exchange_.avoid_strictly = false;
  exchange_.patience = 1;
  exchange_.circuit = {};
  exchange_.keys = nullptr;  // of the other chain, if any
  first_ = exchange_.attempts.size();
  taken_ = &way;
}

Task<Result<std::string>> SecondWays::whole_body(Result<http::Response>& failed) {
  if (exchange_.request.head.headers.find(http::HeaderId::kContentEncoding) != nullptr) {
    co_return fail(Errc::kProtocol, Origin::kClient, "bad_request", "the body is compressed");
  }
  if (auto text = body_.whole()) co_return std::move(*text);
  let_go(failed);
  body_.rewind();
  std::string text;
  for (;;) {
    Result<Slice> bytes = co_await exchange_.request.body.read(*exchange_.scope);
    if (!bytes) co_return std::unexpected(std::move(bytes).error());
    if (bytes->empty()) co_return text;
    text += bytes->view();
    if (text.size() > kLongestEdit) {
      co_return fail(Errc::kTooLarge, Origin::kClient, "body_too_large", "too long to be edited");
    }
  }
}

void SecondWays::note_come_back(const Result<http::Response>& outcome) {
  auto named = outcome ? come_back_of(outcome->head.headers) : exchange_.retry_after;
  // Whatever else it said of it, in its head or its body.
  if (outcome && !named && exchange_.attempts.size() > first_)
    named = exchange_.attempts.back().hint;
  if (named && (!come_back_ || *named < *come_back_)) come_back_ = named;
}

// An answer that is still coming may still read the request's body, which is about to be read
// anew: it ends here.
void SecondWays::let_go(Result<http::Response>& failed) {
  if (is_complete(failed)) return;
  note_come_back(failed);
  failed = fail(Errc::kClosed, Origin::kProxy, "http_response_incomplete",
                "the rest of the failed answer was given up for a second way");
}

void SecondWays::set_aside(Result<http::Response> failed) {
  note_come_back(failed);
  if (!best_ || rank(failed) > rank(best_->outcome)) {
    best_ = Failure{std::move(failed), exchange_.give_up_status};
  }
  exchange_.retry_after.reset();
  exchange_.give_up_status = 0;
}

http::Response SecondWays::answer(const config::Fallback& way) {
  restore();
  exchange_.source = Source::kFallback;
  exchange_.fallback = "answer";
  exchange_.degraded = way.degraded;
  http::Response response;
  response.head.status = way.answer->status;
  response.head.headers.add("Content-Type", way.answer->content_type);
  response.head.headers.add("Content-Length", fmt::format_int(way.answer->body.size()).c_str());
  response.body = http::Body(Slice::copy(way.answer->body));
  return response;
}

http::Response SecondWays::stale(const config::Fallback& way) {
  restore();
  http::Response response = exchange_.stale->give();
  exchange_.source = Source::kCache;
  exchange_.fallback = "stale";
  exchange_.degraded = way.degraded;
  return response;
}

Result<http::Response> SecondWays::finish(Result<http::Response> outcome) {
  if (taken_ == nullptr) return outcome;
  const bool good = outcome && !trigger_of(exchange_, outcome, first_);
  const config::Upstream* const by = exchange_.routed.upstream;
  if (good) {
    exchange_.source = Source::kFallback;
    exchange_.fallback = by->name;
    exchange_.degraded = taken_->degraded;
    return outcome;
  }
  if (exchange_.scope->cancelled()) return outcome;
  note_come_back(outcome);
  if (best_ && rank(best_->outcome) >= rank(outcome)) {
    outcome = std::move(best_->outcome);
    exchange_.give_up_status = best_->give_up_status;
  }
  exchange_.retry_after = come_back_;
  if (outcome && come_back_) advise_to_give_up(outcome->head, come_back_, 0);
  return outcome;
}

}  // namespace outrigger::filters
