#include "config/reporter.h"

#include <algorithm>
#include <tuple>

#include "config/mask.h"

namespace outrigger::config {
namespace {

// Beyond this many the reader is better served by mending the first ones.
constexpr std::size_t kMaxDiagnostics = 200;

auto order(const Diagnostic& d) {
  return std::tie(d.position.file, d.position.line, d.position.column, d.code, d.message);
}

bool same_place(const Position& a, const Position& b) {
  return a.line == b.line && a.column == b.column && a.file == b.file;
}

}  // namespace

void Reporter::add(Severity severity, Code code, const Place& place, std::string message,
                   Advice advice) {
  if (severity == Severity::kError) ++errors_;
  if (found_.size() >= kMaxDiagnostics) return;
  Diagnostic diagnostic{severity,
                        to_string(code),
                        std::move(message),
                        place.position(),
                        advice.hint,
                        std::max<std::size_t>(1, advice.width),
                        {},
                        {}};
  // One error a place: what is found later at the same value follows from the first.
  const auto known = [&](const Diagnostic& other) {
    return order(other) == order(diagnostic) ||
           (severity == Severity::kError && other.severity == severity && place.line > 0 &&
            same_place(other.position, diagnostic.position));
  };
  if (std::ranges::any_of(found_, known)) return;
  attach_lines(diagnostic, place);
  found_.push_back(std::move(diagnostic));
}

void Reporter::attach_lines(Diagnostic& diagnostic, const Place& place) {
  if (place.source == nullptr || place.line == 0) return;
  auto known = masked_.find(place.source);
  if (known == masked_.end())
    known = masked_.emplace(place.source, mask_secrets(*place.source)).first;
  const std::vector<std::string>& lines = known->second;
  if (place.line > lines.size()) return;
  diagnostic.source_line = lines[place.line - 1];
  if (place.line >= 2) diagnostic.previous_line = lines[place.line - 2];
}

std::vector<Diagnostic> Reporter::finish() {
  std::ranges::sort(found_, [](const auto& a, const auto& b) { return order(a) < order(b); });
  return std::move(found_);
}

}  // namespace outrigger::config
