#include "filters/cache/cache_directives.h"

#include <algorithm>

#include "config/field_name.h"
#include "filters/cache/field_list.h"
#include "filters/cache/structured_dictionary.h"
#include "proxy/http/h1_grammar.h"

namespace outrigger::filters {
namespace {

using config::lower_case;
using http::equals_ignore_case;
using http::HeaderId;

struct Directive {
  std::string_view name;
  std::optional<std::string_view> value;  // without its quotes
};

// Spaces around '=' belong to the name and the value, and so make the directive another one.
Directive directive_of(std::string_view member) noexcept {
  const std::size_t equals = member.find('=');
  if (equals == std::string_view::npos) return {member, std::nullopt};
  std::string_view value = member.substr(equals + 1);
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    value = value.substr(1, value.size() - 2);
  }
  return {member.substr(0, equals), value};
}

std::optional<Duration> delta_of(const Directive& directive) noexcept {
  return directive.value ? parse_delta(*directive.value) : std::nullopt;
}

void keep_smaller(std::optional<Duration>& kept, std::optional<Duration> next) noexcept {
  if (next) kept = std::min(kept.value_or(*next), *next);
}

void keep_larger(std::optional<Duration>& kept, std::optional<Duration> next) noexcept {
  if (next) kept = std::max(kept.value_or(*next), *next);
}

void obey(RequestDirectives& asked, const Directive& directive) noexcept {
  const auto is = [&](std::string_view name) { return equals_ignore_case(directive.name, name); };
  if (is("no-store")) asked.no_store = true;
  if (is("no-cache")) asked.no_cache = true;
  if (is("only-if-cached")) asked.only_if_cached = true;
  if (is("max-age")) keep_smaller(asked.max_age, delta_of(directive).value_or(0s));
  if (is("min-fresh")) keep_larger(asked.min_fresh, delta_of(directive).value_or(kLongestDelta));
  if (is("max-stale")) {
    keep_smaller(asked.max_stale, directive.value ? delta_of(directive) : kLongestDelta);
  }
  if (is("stale-if-error")) keep_smaller(asked.if_error, delta_of(directive));
}

// Without names the directive is about the whole answer.
void obey_names(const Directive& directive, bool& whole, std::vector<std::string>& names) {
  const std::size_t before = names.size();
  std::string_view rest = directive.value.value_or(std::string_view{});
  for (std::string_view name; http::next_list_item(rest, name);) {
    if (name.empty()) continue;
    names.push_back(lower_case(name));
  }
  if (names.size() == before) whole = true;
}

void obey(AnswerDirectives& asked, const Directive& directive) {
  const auto is = [&](std::string_view name) { return equals_ignore_case(directive.name, name); };
  if (is("no-store")) asked.no_store = true;
  if (is("public")) asked.is_public = true;
  if (is("must-revalidate")) asked.must_revalidate = true;
  if (is("proxy-revalidate")) asked.proxy_revalidate = true;
  if (is("must-understand")) asked.must_understand = true;
  if (is("no-cache")) obey_names(directive, asked.no_cache, asked.no_cache_fields);
  if (is("private")) obey_names(directive, asked.is_private, asked.private_fields);
  if (is("max-age")) keep_smaller(asked.max_age, delta_of(directive).value_or(0s));
  if (is("s-maxage")) keep_smaller(asked.shared_age, delta_of(directive).value_or(0s));
  if (is("stale-while-revalidate")) keep_smaller(asked.while_revalidate, delta_of(directive));
  if (is("stale-if-error")) keep_smaller(asked.if_error, delta_of(directive));
}

// For names in any order and on any lines.
void tidy(std::vector<std::string>& names) {
  std::ranges::sort(names);
  const auto doubles = std::ranges::unique(names);
  names.erase(doubles.begin(), doubles.end());
}

// ---- CDN-Cache-Control ----

bool takes_seconds(std::string_view key) noexcept {
  return key == "max-age" || key == "s-maxage" || key == "stale-while-revalidate" ||
         key == "stale-if-error";
}
bool takes_names(std::string_view key) noexcept {
  return key == "no-cache" || key == "private";
}
bool takes_nothing(std::string_view key) noexcept {
  return key == "no-store" || key == "public" || key == "must-revalidate" ||
         key == "proxy-revalidate" || key == "must-understand";
}

// RFC 9213 2.1: which types a directive has as a member.
bool has_its_type(const DictionaryMember& member) noexcept {
  using Type = DictionaryMember::Type;
  const bool boolean = member.type == Type::kTrue || member.type == Type::kFalse;
  if (takes_seconds(member.key)) return member.type == Type::kInteger;
  if (takes_nothing(member.key)) return boolean;
  if (takes_names(member.key)) {
    return boolean || member.type == Type::kString || member.type == Type::kToken;
  }
  return true;
}

std::optional<AnswerDirectives> targeted_directives(const http::Headers& answer) {
  std::string text;
  for (const http::Field& field : answer) {
    if (!equals_ignore_case(field.name, "cdn-cache-control")) continue;
    if (!text.empty()) text += ", ";
    text += field.value;
  }
  const std::optional<std::vector<DictionaryMember>> members = parse_dictionary(text);
  if (!members || members->empty() || !std::ranges::all_of(*members, has_its_type)) {
    return std::nullopt;
  }
  AnswerDirectives asked;
  asked.targeted = true;
  for (const DictionaryMember& member : *members) {
    if (member.type == DictionaryMember::Type::kFalse) continue;
    const bool bare = member.type == DictionaryMember::Type::kTrue;
    obey(asked, {member.key, bare ? std::nullopt : std::optional(member.text)});
  }
  return asked;
}

}  // namespace

std::optional<Duration> parse_delta(std::string_view text) noexcept {
  if (text.empty()) return std::nullopt;
  std::int64_t seconds = 0;
  constexpr std::int64_t kMost = std::chrono::ceil<std::chrono::seconds>(kLongestDelta).count();
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    seconds = std::min(seconds * 10 + (c - '0'), kMost);
  }
  return std::chrono::seconds{seconds};
}

RequestDirectives request_directives(const http::Headers& request) noexcept {
  RequestDirectives asked;
  bool found = false;
  bool pragma = false;
  for (const http::Field& field : request) {
    const bool is_pragma = field.id == HeaderId::kOther && equals_ignore_case(field.name, "pragma");
    if (field.id != HeaderId::kCacheControl && !is_pragma) continue;
    if (is_pragma) pragma = pragma || http::list_contains(field.value, "no-cache");
    if (is_pragma) continue;
    found = true;
    std::string_view rest = field.value;
    for (std::string_view member; next_member(rest, member);) obey(asked, directive_of(member));
  }
  if (!found) asked.no_cache = pragma;
  return asked;
}

AnswerDirectives answer_directives(const http::Headers& answer, const config::PageCache& policy) {
  AnswerDirectives asked;
  if (std::optional<AnswerDirectives> targeted =
          policy.obey_cdn ? targeted_directives(answer) : std::nullopt) {
    asked = std::move(*targeted);
  } else {
    for (const http::Field& field : answer) {
      if (field.id != HeaderId::kCacheControl) continue;
      std::string_view rest = field.value;
      for (std::string_view member; next_member(rest, member);) obey(asked, directive_of(member));
    }
  }
  tidy(asked.no_cache_fields);
  tidy(asked.private_fields);
  return asked;
}

}  // namespace outrigger::filters
