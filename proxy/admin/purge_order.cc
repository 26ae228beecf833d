#include "proxy/admin/purge_order.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "config/units.h"
#include "filters/json/json_text.h"
#include "proxy/base/json_checker.h"
#include "proxy/base/percent.h"
#include "proxy/base/wall_clock.h"

namespace outrigger::admin {
namespace {

using filters::CachePurge;
using filters::JsonText;

constexpr std::size_t kLongestName = 256;
constexpr std::size_t kShown = 60;  // of a name that we do not know
constexpr std::array<std::string_view, 6> kMembers = {"key",   "tag",        "upstream",
                                                      "model", "older_than", "all"};

std::optional<filters::CacheKey> parse_key(std::string_view hex) {
  filters::CacheKey key;
  if (hex.size() != 2 * key.size()) return std::nullopt;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const int high = hex_value(hex[2 * i]);
    const int low = hex_value(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    key[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return key;
}

class Reader {
 public:
  explicit Reader(std::int64_t now_us) noexcept : now_us_(now_us) {}

  void take(std::string_view name, const JsonText& value) {
    if (!problem_.empty()) return;
    if (std::ranges::find(kMembers, name) == kMembers.end()) {
      problem_ =
          fmt::format("There is no \"{}\" to purge by; there are {}.", name.substr(0, kShown),
                      "key, tag, upstream, model, older_than and all");
    } else if (std::ranges::find(seen_, name) != seen_.end()) {
      problem_ = fmt::format("\"{}\" stands there twice.", name);
    } else if (name == "all") {
      if (value.text() != "true") problem_ = "\"all\" can only be true; leave it out.";
    } else {
      take_text(name, value.string().value_or(std::string()));
    }
    seen_.push_back(name);
  }

  std::expected<CachePurge, std::string> finish() && {
    const bool all = std::ranges::find(seen_, "all") != seen_.end();
    if (problem_.empty() && seen_.empty()) {
      problem_ = "Nothing says which answers are meant: say \"all\": true to purge every one.";
    } else if (problem_.empty() && all && seen_.size() > 1) {
      problem_ = "\"all\" means every answer: say it alone, or leave it out.";
    }
    if (!problem_.empty()) return std::unexpected(std::move(problem_));
    return std::move(order_);
  }

 private:
  void take_text(std::string_view name, std::string text) {
    if (text.empty() || text.size() > kLongestName) {
      problem_ = fmt::format("\"{}\" must be a text of 1 to {} bytes.", name, kLongestName);
    } else if (name == "key") {
      order_.key = parse_key(text);
      if (!order_.key) problem_ = "\"key\" must be 64 hexadecimal digits.";
    } else if (name == "older_than") {
      take_age(text);
    } else {
      std::string& said = name == "tag"     ? order_.tag
                          : name == "model" ? order_.model
                                            : order_.upstream;
      said = std::move(text);
    }
  }

  void take_age(std::string_view text) {
    const auto age = config::parse_duration(text);
    if (!age) {
      problem_ = "\"older_than\" must be a duration, for example \"1h\".";
      return;
    }
    order_.stored_before_us =
        now_us_ - std::chrono::duration_cast<std::chrono::microseconds>(*age).count();
  }

  const std::int64_t now_us_;
  CachePurge order_;
  std::vector<std::string_view> seen_;
  std::string problem_;
};

}  // namespace

std::expected<CachePurge, std::string> read_purge_order(std::string_view json,
                                                        std::int64_t now_us) {
  const JsonText whole = is_json(json) ? JsonText(json) : JsonText();
  if (!whole.is_object()) return std::unexpected("The body must be a JSON object.");
  Reader reader(now_us);
  whole.each_member(
      [&](std::string_view name, const JsonText& value) { reader.take(name, value); });
  return std::move(reader).finish();
}

std::string describe(const CachePurge& order) {
  if (order.everything()) return "all";
  std::string text;
  const auto out = std::back_inserter(text);
  if (order.key) {
    text += " key=";
    for (const std::uint8_t byte : *order.key) fmt::format_to(out, "{:02x}", byte);
  }
  if (!order.tag.empty()) fmt::format_to(out, " tag=\"{}\"", order.tag);
  if (!order.upstream.empty()) fmt::format_to(out, " upstream=\"{}\"", order.upstream);
  if (!order.model.empty()) fmt::format_to(out, " model=\"{}\"", order.model);
  if (order.stored_before_us) {
    TimestampText time;
    fmt::format_to(out, " stored_before={}", time.format(*order.stored_before_us));
  }
  return text.substr(1);
}

}  // namespace outrigger::admin
