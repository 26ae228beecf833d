#include "filters/retry/probe.h"

#include <algorithm>
#include <charconv>

#include <nlohmann/json.hpp>

namespace outrigger::filters {
namespace {

using Json = nlohmann::json;

// Its parser keeps its own stack: depth costs memory of the text's size, no more.
Json parse(std::string_view text) {
  return Json::parse(text, nullptr, false);
}

// The value that a pointer leads to (RFC 6901); nullptr without one.
const Json* at(const Json& document, const std::string& pointer) {
  if (document.is_discarded()) return nullptr;
  try {
    const Json::json_pointer path(pointer);
    return document.contains(path) ? &document.at(path) : nullptr;
  } catch (const Json::exception&) {
    return nullptr;
  }
}

// A scalar as people write it; nothing for the rest.
std::optional<std::string> scalar(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  return std::nullopt;
}

void append_encoded(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter || (c >= '0' && c <= '9') || std::string_view("-._~").contains(c)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
}

bool contains_ignore_case(std::string_view text, std::string_view part) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  const auto same = [&](char a, char b) { return lower(a) == lower(b); };
  return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

bool holds(const config::JsonMatch& match, const Json& document) {
  using Test = config::JsonMatch::Test;
  const Json* value = at(document, match.pointer);
  if (value == nullptr) return false;
  switch (match.test) {
    case Test::kPresent:
      return true;
    case Test::kEquals: {
      if (value->is_null()) return match.text == "null";
      const Json written = Json::parse(match.text, nullptr, false);
      if (value->is_number()) return written.is_number() && written == *value;
      return scalar(*value) == match.text;
    }
    case Test::kContains:
      return value->is_string() && contains_ignore_case(value->get<std::string>(), match.text);
    case Test::kAtLeast:
      return value->is_number() && value->get<double>() >= match.number;
    case Test::kAtMost:
      return value->is_number() && value->get<double>() <= match.number;
  }
  return false;
}

}  // namespace

std::optional<std::string> probe_target(std::string_view pattern, std::string_view idempotency_key,
                                        const std::optional<std::string>& body) {
  std::string target;
  Json document(Json::value_t::discarded);
  if (body) document = parse(*body);
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
    } else if (const Json* found = at(document, std::string(name))) {
      value = scalar(*found);
    }
    if (!value || value->empty()) return std::nullopt;
    append_encoded(target, *value);
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
  const Json document = parse(body);
  if (document.is_discarded()) return ProbeWord::kUnclear;
  const bool all = std::ranges::all_of(
      verify.found_json, [&](const config::JsonMatch& match) { return holds(match, document); });
  return all ? ProbeWord::kFound : ProbeWord::kMissing;
}

}  // namespace outrigger::filters
