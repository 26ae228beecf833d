#include "filters/fallback/second_ways.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "filters/intake/replay_body.h"
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
  const auto number = [](std::string_view text) -> std::optional<std::int64_t> {
    std::int64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || error != std::errc() || at != end || value < 0) return std::nullopt;
    return value;
  };
  if (const http::Field* field = headers.find("retry-after-ms")) {
    if (const auto ms = number(field->value)) return std::chrono::milliseconds(*ms);
  }
  if (const auto seconds = number(headers.get(http::HeaderId::kRetryAfter))) {
    return std::chrono::seconds(*seconds);
  }
  return std::nullopt;
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
    const Elsewhere where = leaves(way) ? Elsewhere::kOtherUpstream : Elsewhere::kSameUpstream;
    if (body_.possible() && may_send_after(exchange_.attempts, replay_, where)) return &way;
  }
  return nullptr;
}

bool SecondWays::leaves(const config::Fallback& way) const noexcept {
  const upstream::Routed& from = original_ ? original_->routed : exchange_.routed;
  return !way.upstream.empty() && way.upstream != from.upstream->name;
}

Task<Status> SecondWays::turn_to(const config::Fallback& way) {
  const upstream::Routed& from = original_ ? original_->routed : exchange_.routed;
  const auto upstream =
      way.upstream.empty() ? std::optional(from.upstream_index) : switchboard_.find(way.upstream);
  if (!upstream) {
    co_return fail(Errc::kInternal, Origin::kProxy, "proxy_configuration_error",
                   "no such upstream");
  }
  restore();
  if (!original_) {
    original_ = Original{exchange_.routed, exchange_.request.head.target, exchange_.model,
                         exchange_.credential, exchange_.request.head.headers.fields()};
  }
  const Detour detour = detour_of(way, below_base(original_->routed), original_->model);
  std::optional<std::string> edited;
  if (edits_body(detour, way)) {
    Result<std::string> text = co_await whole_body();
    if (!text) co_return std::unexpected(std::move(text).error());
    edited = edited_body(*text, detour, way);
    if (!edited) {
      co_return fail(Errc::kProtocol, Origin::kClient, "bad_request", "the body is no JSON object");
    }
  }
  body_.rewind();
  if (edited) put_body(std::move(*edited));
  enter(way, *upstream, detour);
  co_return Status{};
}

// The request is the client's again.
void SecondWays::restore() {
  if (kept_body_) {
    exchange_.request.body = std::move(*kept_body_);
    exchange_.replay = std::exchange(kept_replay_, nullptr);
    kept_body_.reset();
  }
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

Task<Result<std::string>> SecondWays::whole_body() {
  if (exchange_.request.head.headers.find(http::HeaderId::kContentEncoding) != nullptr) {
    co_return fail(Errc::kProtocol, Origin::kClient, "bad_request", "the body is compressed");
  }
  if (auto text = body_.whole()) co_return std::move(*text);
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

void SecondWays::put_body(std::string text) {
  kept_body_ = std::exchange(exchange_.request.body, http::Body(Slice::copy(text)));
  kept_replay_ = std::exchange(exchange_.replay, nullptr);
  http::Headers& headers = exchange_.request.head.headers;
  if (headers.find(http::HeaderId::kContentLength) != nullptr) {
    headers.set("Content-Length", fmt::format_int(text.size()).c_str());
  }
}

void SecondWays::note_come_back(const Result<http::Response>& outcome) {
  const auto named = outcome ? come_back_of(outcome->head.headers) : exchange_.retry_after;
  if (named && (!come_back_ || *named < *come_back_)) come_back_ = named;
}

void SecondWays::set_aside(Result<http::Response> outcome) {
  note_come_back(outcome);
  const bool complete =
      !outcome || (outcome->tunnel == nullptr && outcome->body.whole() != nullptr);
  if (complete && (!best_ || rank(outcome) > rank(best_->outcome))) {
    best_ = Failure{std::move(outcome), exchange_.retry_after, exchange_.give_up_status};
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
