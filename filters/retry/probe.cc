#include "filters/retry/probe.h"

#include <algorithm>

#include "filters/classify/json_fields.h"
#include "proxy/base/percent.h"

namespace outrigger::filters {

std::optional<std::string> probe_target(std::string_view pattern, std::string_view idempotency_key,
                                        const std::optional<std::string>& body) {
  std::string target;
  const JsonAnswer fields(body ? std::string_view(*body) : std::string_view());
  while (!pattern.empty()) {
    const std::size_t open = pattern.find('{');
    target += pattern.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = pattern.find('}', open);
    if (close == std::string_view::npos) return std::nullopt;
    const std::string_view name = pattern.substr(open + 1, close - open - 1);
    std::optional<std::string> value;
    if (name == "idempotency-key") {
      value = idempotency_key;
    } else if (const std::vector<JsonValue> found = fields.find(name); !found.empty()) {
      const bool null =
          found.front().kind == JsonValue::Kind::kLiteral && found.front().text == "null";
      if (!null) value = found.front().text;
    }
    if (!value || value->empty()) return std::nullopt;
    append_percent_encoded(target, *value);
    pattern.remove_prefix(close + 1);
  }
  return target;
}

ProbeWord read_probe(const config::Verify& verify, int status, std::string_view body) {
  const auto in = [status](const config::StatusRange& range) { return range.contains(status); };
  const bool success = status >= 200 && status < 300;
  const bool named =
      verify.found_status.empty() ? success : std::ranges::any_of(verify.found_status, in);
  if (!named) {
    return success || status == 404 || status == 410 ? ProbeWord::kMissing : ProbeWord::kUnclear;
  }
  if (verify.found_json.empty()) return ProbeWord::kFound;
  const JsonAnswer answer(body);
  if (answer.empty()) return ProbeWord::kUnclear;
  const bool all = std::ranges::all_of(
      verify.found_json, [&](const config::JsonMatch& match) { return holds(answer, match); });
  return all ? ProbeWord::kFound : ProbeWord::kMissing;
}

}  // namespace outrigger::filters
