#include "filters/cache/shaping_headers.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace outrigger::filters {
namespace {

constexpr std::string_view kCounting[] = {
    "azureml-model-deployment",
    "extra-parameters",  // Azure: what becomes of parameters that a model does not know
    "mcp-session-id",
    "openai-organization",
    "openai-project",
    "prefer",  // RFC 7240
    "x-goog-fieldmask",
    "x-goog-request-params",
    "x-goog-user-project",
    "x-portkey-config",
    "x-portkey-provider",
    "x-portkey-virtual-key",
};
constexpr std::string_view kCountingBeginnings[] = {"x-amzn-bedrock-"};
constexpr std::string_view kCountingEndings[] = {"-beta", "-betas", "-version"};
// Of the client's library, whatever they end in.
constexpr std::string_view kLibraryBeginnings[] = {"x-stainless-", "x-fern-", "sec-"};
constexpr std::string_view kLibraryEndings[] = {"-sdk-version", "-client-version", "-app-version",
                                                "-runtime-version", "-package-version"};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return out;
}

std::string_view trimmed(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool counts(std::string_view name) noexcept {
  const auto begins = [&](std::string_view part) { return name.starts_with(part); };
  const auto ends = [&](std::string_view part) { return name.ends_with(part); };
  if (std::ranges::find(kCounting, name) != std::end(kCounting)) return true;
  if (std::ranges::any_of(kLibraryBeginnings, begins)) return false;
  if (std::ranges::any_of(kLibraryEndings, ends)) return false;
  return std::ranges::any_of(kCountingBeginnings, begins) ||
         std::ranges::any_of(kCountingEndings, ends);
}

// The media types of Accept or Content-Type that say more than that JSON will do, which all
// libraries say in different words.
std::string other_types(std::string_view value) {
  std::string out;
  while (!value.empty()) {
    const std::string_view part = value.substr(0, value.find(','));
    value.remove_prefix(std::min(value.size(), part.size() + 1));
    const std::string type = lower(trimmed(part.substr(0, part.find(';'))));
    if (type.empty() || type == "*/*" || type == "application/*" || type == "application/json") {
      continue;
    }
    (out += type) += ',';
  }
  return out;
}

// What of the field's value counts; empty: nothing.
std::string value_of(std::string_view name, std::string_view value) {
  if (name == "accept" || name == "content-type") return other_types(value);
  if (name == "accept-language") return value == "*" ? std::string() : lower(value);
  return counts(name) ? std::string(value) : std::string();
}

struct Line {
  std::string name;
  std::size_t position = 0;
  std::string value;
  auto operator<=>(const Line&) const = default;
};

}  // namespace

std::string shaping_headers(const http::Headers& headers, std::span<const std::string> more) {
  std::vector<Line> lines;
  for (const http::Field& field : headers) {
    std::string name = lower(field.name);
    const bool asked = std::ranges::find(more, name) != more.end();
    std::string value = asked ? std::string(field.value) : value_of(name, field.value);
    if (asked || !value.empty()) lines.push_back({std::move(name), lines.size(), std::move(value)});
  }
  std::ranges::sort(lines);
  std::string out;
  for (const Line& line : lines) {
    out += fmt::format("{}:{}{}:{}", line.name.size(), line.name, line.value.size(), line.value);
  }
  return out;
}

}  // namespace outrigger::filters
