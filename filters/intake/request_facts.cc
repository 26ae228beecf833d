#include "filters/intake/request_facts.h"

#include <algorithm>
#include <cstddef>

namespace outrigger::filters {
namespace {

using State = ModelSearch::State;

// Walks over the text of a JSON object without building anything of it.
class Scanner {
 public:
  explicit Scanner(std::string_view text) noexcept : text_(text) {}

  [[nodiscard]] bool at_end() const noexcept { return at_ == text_.size(); }
  [[nodiscard]] char peek() const noexcept { return text_[at_]; }
  void space() noexcept {
    while (!at_end() && std::string_view(" \t\r\n").contains(peek())) ++at_;
  }
  bool take(char c) noexcept {
    if (at_end() || peek() != c) return false;
    ++at_;
    return true;
  }

  // The raw text of a string, after its opening quote and with its escapes; nothing when it is cut.
  std::optional<std::string_view> string() noexcept {
    for (const std::size_t begin = at_; !at_end(); ++at_) {
      if (peek() == '"') return text_.substr(begin, at_++ - begin);
      if (peek() == '\\' && ++at_ == text_.size()) break;
    }
    return std::nullopt;
  }

  // Over any value; false when it is cut.
  bool skip_value() noexcept {
    std::size_t depth = 0;
    while (!at_end()) {
      const char c = text_[at_++];
      if (c == '"') {
        if (!string()) return false;
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if (c == '}' || c == ']' || c == ',') {
        if (depth == 0) {
          --at_;
          return true;
        }
        if (c != ',') --depth;
      }
    }
    return false;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

int hex(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Names of models are printable ASCII; whatever is not is none of ours.
std::optional<std::string> plain(std::string_view raw) {
  std::string out;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    char c = raw[i];
    if (c == '\\' && i + 1 < raw.size()) {
      c = raw[++i];
      if (c == 'u') {
        if (raw.size() - i < 5 || raw[i + 1] != '0' || raw[i + 2] != '0') return std::nullopt;
        const int high = hex(raw[i + 3]);
        const int low = hex(raw[i + 4]);
        if (high < 0 || low < 0) return std::nullopt;
        c = static_cast<char>(high * 16 + low);
        i += 4;
      } else if (c != '"' && c != '\\' && c != '/') {
        return std::nullopt;
      }
    }
    if (c < ' ' || c > '~' || out.size() == kLongestModel) return std::nullopt;
    out += c;
  }
  if (out.empty()) return std::nullopt;
  return out;
}

// The part of `path` after the first `before` up to the next of `ends`; empty when either is
// missing.
std::string_view between(std::string_view path, std::string_view before, char ends) noexcept {
  const std::size_t at = path.find(before);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = path.substr(at + before.size());
  const std::size_t end = rest.find(ends);
  return end == std::string_view::npos ? std::string_view{} : rest.substr(0, end);
}

std::string_view query_key(std::string_view target) noexcept {
  const std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) return {};
  std::string_view rest = target.substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find('&'));
    if (part.starts_with("key=")) return part.substr(4);
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
  }
  return {};
}

}  // namespace

ModelSearch find_model(std::string_view prefix) {
  prefix = prefix.substr(0, kModelPrefix);
  constexpr std::string_view kBom = "\xef\xbb\xbf";
  if (prefix.starts_with(kBom)) prefix.remove_prefix(kBom.size());
  Scanner scan(prefix);
  scan.space();
  if (scan.at_end()) return {State::kMore, {}};
  if (!scan.take('{')) return {};
  for (;;) {
    scan.space();
    if (scan.at_end()) return {State::kMore, {}};
    if (!scan.take('"')) return {};  // '}' or no JSON
    const auto name = scan.string();
    if (!name) return {State::kMore, {}};
    scan.space();
    if (scan.at_end()) return {State::kMore, {}};
    if (!scan.take(':')) return {};
    scan.space();
    if (*name == "model") {
      if (scan.at_end()) return {State::kMore, {}};
      if (!scan.take('"')) return {};
      const auto value = scan.string();
      if (!value) return {State::kMore, {}};
      auto model = plain(*value);
      return model ? ModelSearch{State::kFound, std::move(*model)} : ModelSearch{};
    }
    if (!scan.skip_value()) return {State::kMore, {}};
    if (!scan.take(',')) return {};
  }
}

std::string_view model_of_target(std::string_view target) noexcept {
  const std::string_view path = target.substr(0, target.find('?'));
  std::string_view model = between(path, "/deployments/", '/');
  if (model.empty()) model = between(path, "/model/", '/');
  if (model.empty()) model = between(path, "/models/", ':');
  if (model.contains('/') || model.size() > kLongestModel) return {};
  return model;
}

bool needs_model(const config::Policies& policies) noexcept {
  const bool breaker =
      policies.circuit_breaker &&
      std::ranges::count(policies.circuit_breaker->key, config::BreakerKey::kModel) > 0;
  const auto limited = [](const auto& policy) {
    return policy && std::ranges::count(policy->key, config::LimitKey::kModel) > 0;
  };
  return breaker || policies.hedge || !policies.fallback.empty() || limited(policies.rate_limit) ||
         limited(policies.concurrency) ||
         std::ranges::count(policies.classify, config::Scope::kModel,
                            &config::ClassifyRule::scope) > 0;
}

bool is_json(const http::Headers& headers) noexcept {
  const std::string_view type = headers.get(http::HeaderId::kContentType);
  const std::string_view kind = type.substr(0, type.find(';'));
  return kind.contains("json") && headers.find(http::HeaderId::kContentEncoding) == nullptr;
}

Credential find_credential(const http::RequestHead& head) noexcept {
  const http::Headers& headers = head.headers;
  if (const http::Field* field = headers.find(http::HeaderId::kAuthorization)) {
    return {"authorization", field->value};
  }
  if (const http::Field* field = headers.find(http::HeaderId::kXApiKey)) {
    return {"x-api-key", field->value};
  }
  for (const std::string_view name : {"api-key", "x-goog-api-key"}) {
    if (const http::Field* field = headers.find(name)) return {name, field->value};
  }
  const std::string_view asked = query_key(head.target);
  return asked.empty() ? Credential{} : Credential{"?key", asked};
}

std::uint64_t credential_of(const http::RequestHead& head, const SipKey& key) noexcept {
  const Credential found = find_credential(head);
  if (found.carrier.empty()) return 0;
  return std::max<std::uint64_t>(siphash(key, found.text), 1);
}

}  // namespace outrigger::filters
