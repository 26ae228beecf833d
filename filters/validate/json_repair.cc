#include "filters/validate/json_repair.h"

#include <algorithm>
#include <utility>

#include "filters/validate/loose_json.h"
#include "proxy/base/json_checker.h"

namespace outrigger::filters {
namespace {

using Fits = std::function<bool(std::string_view)>;

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kFence = "```";
constexpr int kMostStarts = 8;  // places in prose where a value may begin

std::string_view trimmed(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// The inside of the one fence, without the name of its language; nothing where there is none, or
// where there are several. A fence begins a line: one inside a string does not count.
std::optional<std::string_view> fenced(std::string_view text) {
  const auto find = [&](std::size_t from) {
    for (std::size_t at = text.find(kFence, from); at != std::string_view::npos;
         at = text.find(kFence, at + 1)) {
      const std::string_view before = text.substr(0, at);
      const std::size_t line = before.find_last_not_of(" \t");
      if (line == std::string_view::npos || before[line] == '\n') return at;
    }
    return std::string_view::npos;
  };
  const std::size_t open = find(0);
  if (open == std::string_view::npos) return std::nullopt;
  const std::size_t line = text.find('\n', open);
  if (line == std::string_view::npos) return std::nullopt;
  std::size_t close = find(line);
  if (close == std::string_view::npos) close = text.size();
  if (close < text.size() && find(close + kFence.size()) != std::string_view::npos) {
    return std::nullopt;
  }
  return text.substr(line + 1, close - line - 1);
}

// One value that fits, beginning at `start`.
class Candidate {
 public:
  Candidate(std::string_view text, std::size_t start, const Fits& fits) : text_(text), json_(text) {
    good_ = json_.read(start) && is_json(json_.json()) && fits(json_.json());
  }
  [[nodiscard]] bool good() const noexcept { return good_; }
  [[nodiscard]] std::string_view rest() const noexcept { return text_.substr(json_.end()); }
  [[nodiscard]] std::size_t end() const noexcept { return json_.end(); }
  [[nodiscard]] const std::string& json() const noexcept { return json_.json(); }

 private:
  std::string_view text_;
  LooseJson json_;
  bool good_ = false;
};

// Objects and lists in prose. Of two that fit nobody knows which is meant.
std::optional<std::string> find_in(std::string_view text, const Fits& fits) {
  std::optional<std::string> found;
  int starts = 0;
  for (std::size_t at = text.find_first_of("{["); at != std::string_view::npos;
       at = text.find_first_of("{[", at)) {
    if (++starts > kMostStarts) return std::nullopt;
    const Candidate candidate(text, at, fits);
    at = candidate.good() ? candidate.end() : at + 1;
    if (!candidate.good()) continue;
    if (found) return std::nullopt;
    found = candidate.json();
  }
  return found;
}

// A text without brackets may be a value too: a word, a string. It must be all there is.
std::optional<std::string> repair_scalar(std::string_view text, const Fits& fits) {
  const Candidate candidate(text, 0, fits);
  if (!candidate.good() || !trimmed(candidate.rest()).empty()) return std::nullopt;
  return candidate.json();
}

std::optional<std::string> repair_plain(std::string_view text, const Fits& fits) {
  text = trimmed(text);
  if (text.find_first_of("{[") == std::string_view::npos) return repair_scalar(text, fits);
  return find_in(text, fits);
}

}  // namespace

std::optional<std::string> repair_json(std::string_view text, const Fits& fits) {
  if (text.size() > kMaxRepaired) return std::nullopt;
  if (is_json(text)) {
    return fits(text) ? std::optional(std::string(text)) : std::nullopt;
  }
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return repair_plain(fenced(text).value_or(text), fits);
}

}  // namespace outrigger::filters
