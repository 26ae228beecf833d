// The request that asks a model to mend its answer: the original, with that answer and what is
// wrong with it behind its last turn, and every other byte as it was. It is made from the original
// each time, so that a conversation never grows by more than one repair (llm 1). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "filters/validate/form.h"

namespace outrigger::filters {

struct InvalidAnswer {
  std::string_view body;       // JSON, in the dialect
  std::size_t choice = 0;      // the one that is repeated to the model
  bool empty = false;          // there is nothing in it to repeat
  std::string_view complaint;  // what is wrong, for the model
};

// The new body; nothing when the original has no place for another turn. Calls of tools are
// answered each with a result that says what is wrong; anything else gets one turn of the user.
[[nodiscard]] std::optional<std::string> reprompt(Form form, std::string_view original,
                                                  const InvalidAnswer& answer);

}  // namespace outrigger::filters
