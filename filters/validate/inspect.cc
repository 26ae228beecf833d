#include "filters/validate/inspect.h"

#include <algorithm>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "filters/validate/answer_parts.h"
#include "filters/validate/json_repair.h"
#include "proxy/base/json_checker.h"

namespace outrigger::filters {
namespace {

using Schemas = std::span<const Wanted::Schema>;
using Result = Inspection::Result;

constexpr std::size_t kMostParts = 3;  // whose complaints are told

bool too_large(std::string_view text) noexcept {
  return text.size() > config::JsonSchema::kMaxText;
}

// Without a schema it must be JSON still.
std::optional<std::string> complaint_of(Schemas schemas, std::string_view json) {
  if (schemas.empty() && !is_json(json)) return "the text is not JSON";
  for (const Wanted::Schema& schema : schemas) {
    if (auto complaint = schema->complaint(json)) return complaint;
  }
  return std::nullopt;
}

std::optional<std::string> mended(Schemas schemas, std::string_view text) {
  const auto fits = [&](std::string_view json) { return !complaint_of(schemas, json); };
  return repair_json(text, fits);
}

Inspection invalid(std::string complaint, std::string_view wrong) {
  Inspection out;
  out.result = Result::kInvalid;
  out.complaint = std::move(complaint);
  out.wrong = wrong;
  return out;
}

Inspection inspect_body(const Wanted& wanted, std::string_view answer, Mending mending) {
  if (too_large(answer)) {
    Inspection out;
    out.in_part = true;
    return out;
  }
  std::optional<std::string> complaint = complaint_of(wanted.body, answer);
  if (!complaint) return {};
  if (mending == Mending::kDeterministic) {
    if (auto body = mended(wanted.body, answer)) {
      Inspection out;
      out.result = Result::kMended;
      out.body = std::move(*body);
      return out;
    }
  }
  return invalid(std::move(*complaint), answer);
}

// Looks at the parts of one answer, one after the other.
class Parts {
 public:
  Parts(const Wanted& wanted, std::string_view answer, Mending mending)
      : wanted_(wanted), mending_(mending), edits_(answer) {}

  void look_at(const AnswerPart& part) {
    const bool text = part.kind == AnswerPart::Kind::kText;
    if (text ? wanted_.text.empty() : !wanted_.arguments) return;
    if (too_large(part.text)) {
      in_part_ = true;
      return;
    }
    const Schemas schemas = text ? Schemas(wanted_.text) : schemas_of(part.tool);
    const std::optional<std::string> complaint = complaint_of(schemas, part.text);
    if (!complaint) return;
    if (mending_ == Mending::kDeterministic && mend(part, schemas)) return;
    complain(part, *complaint);
  }

  Inspection finish(bool cut) && {
    if (bad_ != 0) {
      if (cut) complaint_ = "the answer ended at its limit of tokens; " + complaint_;
      Inspection out = invalid(std::move(complaint_), wrong_);
      out.choice = choice_;
      out.cut = cut;
      return out;
    }
    Inspection out;
    out.in_part = in_part_ || wanted_.in_part;
    if (edits_.empty()) return out;
    out.result = Result::kMended;
    out.body = edits_.apply();
    return out;
  }

 private:
  // A tool without a schema takes any JSON.
  [[nodiscard]] Schemas schemas_of(std::string_view tool) const {
    const auto found = std::ranges::find(wanted_.tools, tool, &Wanted::Tool::name);
    if (found == wanted_.tools.end()) return {};
    return {&found->schema, 1};
  }

  bool mend(const AnswerPart& part, Schemas schemas) {
    const bool missing = part.kind != AnswerPart::Kind::kText &&
                         part.text.find_first_not_of(" \t\r\n") == std::string::npos;
    if (missing && !complaint_of(schemas, "{}")) {
      replace_part(part, "{}", edits_);
      return true;
    }
    const std::optional<std::string> text = mended(schemas, part.text);
    if (text) replace_part(part, *text, edits_);
    return text.has_value();
  }

  void complain(const AnswerPart& part, std::string_view complaint) {
    if (bad_++ == 0) choice_ = part.choice;
    wrong_.append(part.text) += '\0';
    if (bad_ > kMostParts) return;
    if (!complaint_.empty()) complaint_ += "; ";
    if (part.kind != AnswerPart::Kind::kText) {
      complaint_ += fmt::format("arguments of {}: ", part.tool.substr(0, 64));
    }
    complaint_ += complaint;
  }

  const Wanted& wanted_;
  const Mending mending_;
  JsonEdits edits_;
  bool in_part_ = false;
  std::size_t bad_ = 0;
  std::size_t choice_ = 0;
  std::string complaint_;
  std::string wrong_;
};

Inspection inspect_content(const Wanted& wanted, std::string_view answer, Mending mending) {
  if (!is_json(answer)) {
    Inspection out = invalid("the answer is not JSON", answer);
    out.empty = true;
    return out;
  }
  const AnswerParts found = parts_of(wanted.form, answer);
  if (!found.defect.empty()) {
    std::string complaint(found.defect);
    if (!found.note.empty()) complaint += ": " + found.note.substr(0, 300);
    Inspection out = invalid(complaint, complaint);
    out.empty = true;
    return out;
  }
  Parts parts(wanted, answer, found.cut ? Mending::kNone : mending);
  for (const AnswerPart& part : found.parts) parts.look_at(part);
  return std::move(parts).finish(found.cut);
}

}  // namespace

Inspection inspect(const Wanted& wanted, std::string_view answer, Mending mending) {
  if (!wanted.body.empty()) return inspect_body(wanted, answer, mending);
  if (wanted.form == Form::kNone) return {};
  return inspect_content(wanted, answer, mending);
}

}  // namespace outrigger::filters
