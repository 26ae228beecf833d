#include "filters/idempotency/request_key.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "config/json_pointer.h"
#include "filters/digest/digest.h"
#include "filters/json/json_text.h"
#include "filters/sign/sigv4.h"
#include "proxy/base/json_checker.h"

namespace outrigger::filters {
namespace {

using Why = KeyRefusal::Why;
using Found = std::expected<std::optional<RequestKey>, KeyRefusal>;

constexpr std::string_view kNewKey =
    "send 1 to 255 characters of printable ASCII that are new for each operation, such as a UUID";

std::unexpected<KeyRefusal> refuse(Why why, std::string detail) {
  return std::unexpected(KeyRefusal{why, std::move(detail)});
}

// What keeps a text from being a key; empty when nothing does.
std::string defect_of(std::string_view text) {
  if (text.empty()) return "is empty";
  if (text.size() > kLongestKey) return fmt::format("has {} characters", text.size());
  const auto bad = std::ranges::find_if(text, [](char c) { return c < ' ' || c > '~'; });
  if (bad == text.end()) return {};
  const bool control = static_cast<unsigned char>(*bad) < 0x80;
  return fmt::format("has {} as its character {}",
                     control ? "a control character" : "something else than ASCII",
                     bad - text.begin() + 1);
}

Found checked(KeySource source, std::string text, std::string_view place) {
  const std::string defect = defect_of(text);
  if (defect.empty()) return RequestKey{source, std::move(text)};
  return refuse(Why::kInvalid, fmt::format("the key in {} {}; {}", place, defect, kNewKey));
}

// ---- the header ----

struct Line {
  std::string_view value;
  std::size_t count = 0;
};
Line line_of(const http::Headers& headers, std::string_view name) noexcept {
  Line line;
  for (const http::Field& field : headers) {
    if (!http::equals_ignore_case(field.name, name)) continue;
    if (line.count++ == 0) line.value = field.value;
  }
  return line;
}

// Takes an sf-string (RFC 8941 3.3.3) off the front; nothing when it is none.
std::optional<std::string> take_string(std::string_view& rest) {
  std::string text;
  for (std::size_t at = 1; at < rest.size(); ++at) {
    if (rest[at] == '"') {
      rest.remove_prefix(at + 1);
      return text;
    }
    if (rest[at] == '\\') {
      if (++at == rest.size() || (rest[at] != '"' && rest[at] != '\\')) return std::nullopt;
    }
    text += rest[at];
  }
  return std::nullopt;
}

enum class Rest : std::uint8_t { kParameters, kList, kOther };
// What follows on an item: nothing or parameters (RFC 8941 3.1.2), whatever they say; or another
// item, which is what two lines become that somebody joined.
Rest rest_of(std::string_view rest) {
  bool parameter = false;
  while (!rest.empty()) {
    const char c = rest.front();
    if (c == ',') return Rest::kList;
    if (c == ';') parameter = true;
    if (!parameter && c != ' ' && c != '\t') return Rest::kOther;
    if (c != '"') {
      rest.remove_prefix(1);
    } else if (!take_string(rest)) {
      return Rest::kOther;
    }
  }
  return Rest::kParameters;
}

Found in_header(const http::Headers& headers, const std::string& name) {
  const Line line = line_of(headers, name);
  if (line.count == 0) return std::nullopt;
  const auto repeated = [&] {
    return refuse(Why::kRepeated,
                  fmt::format("the header {} holds more than one key; send it once", name));
  };
  if (line.count > 1) return repeated();
  if (!line.value.starts_with('"')) {
    return checked(KeySource::kHeader, std::string(line.value), "the header " + name);
  }
  std::string_view rest = line.value;
  auto text = take_string(rest);
  const Rest after = text ? rest_of(rest) : Rest::kOther;
  if (after == Rest::kList) return repeated();
  if (after == Rest::kOther) {
    return refuse(Why::kInvalid,
                  fmt::format("the header {} begins with a quote and is no string of RFC 8941; "
                              "send \"key\", with \\\" and \\\\ for a quote and a backslash in "
                              "it, or the key without quotes",
                              name));
  }
  return checked(KeySource::kHeader, std::move(*text), "the header " + name);
}

// ---- the body ----

// The values that a pointer leads to: more than one where members have the same name.
class Walk {
 public:
  explicit Walk(std::string_view text) : cursor_(text) {}
  std::vector<JsonText> find(std::span<const std::string> parts) {
    step(parts);
    return std::move(found_);
  }

 private:
  using Parts = std::span<const std::string>;

  void step(Parts parts) {
    if (parts.empty()) {
      const std::string_view value = cursor_.skip();
      if (!value.empty()) found_.emplace_back(value);
    } else if (cursor_.peek() == '{') {
      cursor_.members([&](std::string_view raw) { go(is_name(raw, parts.front()), parts); });
    } else if (cursor_.peek() == '[') {
      std::size_t index = 0;
      cursor_.elements([&] { go(std::to_string(index++) == parts.front(), parts); });
    } else {
      cursor_.skip();
    }
  }
  void go(bool there, Parts parts) {
    if (there) {
      step(parts.subspan(1));
    } else {
      cursor_.skip();
    }
  }
  // A name may be written with escapes.
  static bool is_name(std::string_view raw, const std::string& name) {
    if (!raw.contains('\\')) return raw == name;
    return JsonText(std::string_view(raw.data() - 1, raw.size() + 2)).string() == name;
  }

  JsonCursor cursor_;
  std::vector<JsonText> found_;
};

// Whether more of the text might bring the key.
bool is_cut(const BodyText& body, std::string_view json) noexcept {
  if (body.extent == BodyText::Extent::kWhole) return false;
  JsonChecker checker;
  checker.feed(json);
  return checker.state() == JsonChecker::State::kMore;
}

Found unread(const BodyText& body, const config::Idempotency& policy) {
  return refuse(Why::kUnread,
                fmt::format("the first {} bytes of the body do not hold the key, which stands at "
                            "{}; put it further to the front, or send it in the header {}",
                            body.text.size(), policy.json, policy.header));
}

Found in_json(const BodyText& body, const config::Idempotency& policy) {
  if (policy.json.empty()) return std::nullopt;
  constexpr std::string_view kBom = "\xef\xbb\xbf";
  std::string_view json = body.text;
  if (json.starts_with(kBom)) json.remove_prefix(kBom.size());
  const std::vector<JsonText> found = Walk(json).find(config::split_json_pointer(policy.json));
  if (found.size() > 1) {
    return refuse(Why::kRepeated,
                  fmt::format("the body has more than one key at {}; send it once", policy.json));
  }
  if (found.empty() && is_cut(body, json)) return unread(body, policy);
  if (found.empty() || found.front().is_null()) return std::nullopt;
  const JsonText value = found.front();
  if (auto text = value.string()) {
    return checked(KeySource::kJson, std::move(*text), "the body at " + policy.json);
  }
  if (!std::string_view("-0123456789").contains(value.text().front())) {
    return refuse(Why::kInvalid, fmt::format("the key in the body at {} is neither a string nor a "
                                             "number; {}",
                                             policy.json, kNewKey));
  }
  // The rest of its digits may be still to come.
  const bool last = value.text().data() + value.text().size() == json.data() + json.size();
  if (last && body.extent == BodyText::Extent::kPrefix) return unread(body, policy);
  return checked(KeySource::kJson, std::string(value.text()), "the body at " + policy.json);
}

// ---- what is no key of the client's ----

std::optional<RequestKey> of_step(const StepName& step) {
  if (step.execution.empty() || step.step.empty()) return std::nullopt;
  return RequestKey{KeySource::kStep,
                    fmt::format("{}:{}{}", step.execution.size(), step.execution, step.step)};
}

std::optional<RequestKey> of_invocation(const http::Headers& headers) {
  const Line line = line_of(headers, "amz-sdk-invocation-id");
  if (line.count != 1 || !defect_of(line.value).empty()) return std::nullopt;
  return RequestKey{KeySource::kInvocation, std::string(line.value)};
}

std::optional<RequestKey> of_library(const http::Headers& headers) {
  const std::string_view value = headers.get(http::HeaderId::kXStainlessRetryCount);
  std::uint32_t retries = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), retries);
  if (value.empty() || error != std::errc{} || end != value.data() + value.size()) {
    return std::nullopt;
  }
  return RequestKey{KeySource::kLibrary, {}, retries};
}

bool is_write(http::Method method) noexcept {
  return method == http::Method::kPost || method == http::Method::kPatch;
}

}  // namespace

std::string library_text(const Fingerprint& fingerprint) {
  const std::string_view kind = fingerprint.kind == FingerprintKind::kRaw ? "raw:" : "canonical:";
  return std::string(kind) + to_hex(text_of(fingerprint.sha256));
}

bool needs_body(const http::Headers& headers, const config::Idempotency& policy) {
  return !policy.json.empty() && headers.find(policy.header) == nullptr;
}

Found find_key(const http::RequestHead& head, const BodyText& body,
               const config::Idempotency& policy, const StepName& step) {
  if (auto key = in_header(head.headers, policy.header); !key || *key) return key;
  if (auto key = in_json(body, policy); !key || *key) return key;
  if (policy.steps) {
    if (auto key = of_step(step)) return key;
  }
  if (policy.sdk_retries) {
    if (auto key = of_invocation(head.headers)) return key;
  }
  if (policy.required && is_write(head.method)) {
    return refuse(Why::kMissing, fmt::format("the request has no key; send the header {} with 1 to "
                                             "255 characters that are new for each operation and "
                                             "the same in its repetitions, such as a UUID",
                                             policy.header));
  }
  return policy.sdk_retries ? of_library(head.headers) : std::nullopt;
}

}  // namespace outrigger::filters
