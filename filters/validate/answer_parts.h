// What stands in an answer of a model, for whoever checks or mends it: whether it is an answer at
// all, the texts that may have to be JSON, and the arguments of its tool calls. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "filters/json/json_text.h"
#include "filters/validate/form.h"

namespace outrigger::filters {

// One text, or the arguments of one call.
struct AnswerPart {
  enum class Kind : std::uint8_t {
    kText,
    kArguments,  // JSON in a string
    kObject,     // arguments that are JSON themselves
  };
  Kind kind = Kind::kText;
  std::size_t choice = 0;  // of the candidates: the element in the answer's list
  std::string text;        // decoded; of several places all together
  // Where it stands. An object that came in pieces and is none stands there as a string.
  std::vector<JsonText> places;
  std::string_view tool;  // the call's, as it stands between its quotes
};

struct AnswerParts {
  // Why it is no answer; a literal, empty when it is one.
  std::string_view defect;
  // The model's own word on a call that it could not make, with `defect`.
  std::string note;
  // It ended at the limit of its tokens: what stands in it is not all of it.
  bool cut = false;
  std::vector<AnswerPart> parts;
};

// `answer` is JSON. Nothing is wrong with, and nothing stands in, what says itself that it is no
// answer: refusals, what a filter blocked, what runs in the background. A choice that calls tools
// is not asked for text.
[[nodiscard]] AnswerParts parts_of(Form form, std::string_view answer);

// Puts another text in the part's place; JSON, for arguments.
void replace_part(const AnswerPart& part, std::string_view with, JsonEdits& edits);

}  // namespace outrigger::filters
