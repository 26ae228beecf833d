#include "filters/cache/storing.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "filters/cache/field_list.h"
#include "filters/cache/freshness.h"
#include "filters/cache/page_date.h"
#include "filters/cache/vary.h"
#include "proxy/http/h1_grammar.h"

namespace outrigger::filters {
namespace {

using http::equals_ignore_case;
using http::HeaderId;
using Mode = config::PageCache::Mode;

// Answers to more than the URL: to a range, a condition, an expectation, the connection; and those
// that RFC 6585 says must not be stored.
constexpr std::array kNeverStored = {206, 304, 407, 412, 416, 417, 428, 429, 431, 511};

// Those of RFC 9110 15 (and 308), whose rules for caches are followed here.
constexpr std::array kUnderstood = {200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 307, 308,
                                    400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 413,
                                    414, 415, 421, 422, 426, 500, 501, 502, 503, 504, 505};

template <typename Array>
bool holds(const Array& statuses, int status) noexcept {
  return std::ranges::find(statuses, status) != statuses.end();
}

bool is_shared(const config::PageCache& policy) noexcept {
  return policy.mode == Mode::kShared;
}

// ---- which fields ----

// 3.1; and Age, which is told anew on each use.
bool is_never_kept(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 12> kNames = {"connection",
                                                       "keep-alive",
                                                       "te",
                                                       "trailer",
                                                       "transfer-encoding",
                                                       "upgrade",
                                                       "http2-settings",
                                                       "proxy-connection",
                                                       "proxy-authenticate",
                                                       "proxy-authentication-info",
                                                       "proxy-authorization",
                                                       "age"};
  return std::ranges::any_of(kNames,
                             [&](std::string_view kept) { return equals_ignore_case(kept, name); });
}

bool names_field(const std::vector<std::string>& names, std::string_view field) noexcept {
  return std::ranges::any_of(
      names, [&](const std::string& name) { return equals_ignore_case(name, field); });
}

struct FieldRules {
  const http::Headers& answer;
  const AnswerDirectives& directives;
  const config::PageCache& policy;

  [[nodiscard]] bool keeps(std::string_view name) const noexcept {
    if (is_never_kept(name) || names_field(directives.no_cache_fields, name)) return false;
    if (is_shared(policy) && names_field(directives.private_fields, name)) return false;
    return std::ranges::none_of(answer, [&](const http::Field& field) {
      return field.id == HeaderId::kConnection && http::list_contains(field.value, name);
    });
  }
};

StoredHead kept_head(const http::ResponseHead& answer, const FieldRules& rules,
                     std::int64_t received_us) {
  StoredHead head{.status = answer.status, .fields = {}, .length = {}};
  bool dated = false;
  for (const http::Field& field : answer.headers) {
    if (!rules.keeps(field.name)) continue;
    std::string value(field.value);
    if (field.id == HeaderId::kDate) {
      // RFC 9110 6.6.1: one Date, and a true one.
      if (std::exchange(dated, true)) continue;
      if (!parse_page_date(value, received_us)) value = page_date(received_us);
    }
    head.fields.push_back({std::string(field.name), std::move(value)});
  }
  if (!dated) head.fields.push_back({"date", page_date(received_us)});
  return head;
}

// ---- whether ----

// What forbids it, whatever its freshness.
std::optional<NotStored> obstacle(const PageRequest& request, const http::ResponseHead& answer,
                                  const AnswerDirectives& directives,
                                  const config::PageCache& policy) {
  if (request.method != http::Method::kGet) return NotStored::kMethod;
  if (answer.status < 200 || holds(kNeverStored, answer.status)) return NotStored::kStatus;
  if (request.directives.no_store) return NotStored::kNoStore;
  // 5.2.2.3: who understands the status does not mind no-store beside must-understand.
  if (directives.must_understand && !holds(kUnderstood, answer.status)) return NotStored::kStatus;
  if (directives.no_store && !directives.must_understand) return NotStored::kNoStore;
  if (vary_names(answer.headers).anything) return NotStored::kVary;
  if (!is_shared(policy)) return std::nullopt;
  if (directives.is_private) return NotStored::kPrivate;
  const bool allowed = directives.is_public || directives.must_revalidate || directives.shared_age;
  if (request.caller == Caller::kKnown && !allowed) return NotStored::kCredential;
  const FieldRules rules{answer.headers, directives, policy};
  const bool sets_cookie =
      answer.headers.find("set-cookie") != nullptr && rules.keeps("set-cookie");
  if (sets_cookie && !directives.is_public) return NotStored::kCookie;
  return std::nullopt;
}

struct Lifetime {
  Duration length{0};
  bool heuristic = false;
};

// Nothing: section 3's last condition does not hold, or it would be for validation and cannot be
// validated.
std::optional<Lifetime> lifetime_of(const http::ResponseHead& answer,
                                    const AnswerDirectives& directives,
                                    const config::PageCache& policy, std::int64_t received_us,
                                    bool can_validate) {
  if (const std::optional<Duration> told =
          explicit_lifetime(answer.headers, directives, policy.mode, received_us)) {
    return Lifetime{*told, false};
  }
  const bool is_private = directives.is_private && !is_shared(policy);
  if (!is_heuristic_status(answer.status) && !directives.is_public && !is_private) {
    return std::nullopt;
  }
  if (policy.heuristic && (is_heuristic_status(answer.status) || directives.is_public)) {
    if (const auto guess = heuristic_lifetime(answer.headers, *policy.heuristic, received_us)) {
      return Lifetime{*guess, true};
    }
  }
  return can_validate ? std::optional(Lifetime{}) : std::nullopt;
}

PageFacts facts_of(const AnswerDirectives& directives, const config::PageCache& policy,
                   const Lifetime& lifetime) {
  // 5.2.2.8, 5.2.2.10: of shared caches only.
  const bool proxies = is_shared(policy) && (directives.proxy_revalidate || directives.shared_age);
  PageFacts facts;
  facts.lifetime = lifetime.length;
  facts.heuristic = lifetime.heuristic;
  facts.always_validate = directives.no_cache;
  facts.must_revalidate = directives.must_revalidate || proxies;
  facts.while_revalidate =
      directives.while_revalidate ? directives.while_revalidate : policy.stale_while_revalidate;
  facts.if_error = directives.if_error ? directives.if_error : policy.stale_if_error;
  return facts;
}

// From its coming until nobody can use it any more.
Duration useful_for(const PageFacts& facts, bool can_validate) noexcept {
  const Duration fresh = facts.lifetime - facts.age_then;
  Duration useful{0};
  if (!facts.always_validate) {
    const Duration stale =
        std::max(facts.while_revalidate.value_or(0s), facts.if_error.value_or(0s));
    useful = facts.must_revalidate ? fresh : fresh + stale;
  }
  return can_validate ? std::max(useful, std::max<Duration>(fresh, 0s) + kKeptForValidation)
                      : useful;
}

std::int64_t microseconds(Duration duration) noexcept {
  return std::chrono::floor<std::chrono::microseconds>(duration).count();
}

}  // namespace

Caller caller_of(const http::Headers& request) noexcept {
  const bool sent = std::ranges::any_of(request, [](const http::Field& field) {
    switch (field.id) {
      case HeaderId::kAuthorization:
      case HeaderId::kCookie:
      case HeaderId::kApiKey:
      case HeaderId::kXApiKey:
      case HeaderId::kXGoogApiKey:
        return true;
      default:
        return false;
    }
  });
  return sent ? Caller::kKnown : Caller::kNobody;
}

bool has_validator(const StoredHead& head, std::int64_t now_us) noexcept {
  return !field_value(head, "etag").empty() ||
         parse_page_date(field_value(head, "last-modified"), now_us).has_value();
}

std::expected<StoredPage, NotStored> store_page(const PageRequest& request,
                                                const http::ResponseHead& answer,
                                                const config::PageCache& policy,
                                                const AnswerTimes& times) {
  const AnswerDirectives directives = answer_directives(answer.headers, policy);
  if (const auto why = obstacle(request, answer, directives, policy)) return std::unexpected(*why);
  StoredPage page;
  page.head = kept_head(answer, {answer.headers, directives, policy}, times.received_us);
  const bool can_validate = has_validator(page.head, times.received_us);
  const std::optional<Lifetime> lifetime =
      lifetime_of(answer, directives, policy, times.received_us, can_validate);
  if (!lifetime) return std::unexpected(NotStored::kFreshness);
  page.facts = facts_of(directives, policy, *lifetime);
  page.facts.received_us = times.received_us;
  page.facts.age_then = initial_age(answer.headers, times.requested_us, times.received_us);
  const Duration useful = useful_for(page.facts, can_validate);
  if (useful <= 0s) return std::unexpected(NotStored::kFreshness);
  page.expires_us = times.received_us + microseconds(page.facts.lifetime - page.facts.age_then);
  page.keep_until_us = times.received_us + microseconds(useful);
  return page;
}

}  // namespace outrigger::filters
