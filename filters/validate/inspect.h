// Holds an answer against what is wanted of it, and mends what needs no model. Pure, but for the
// schemas' own caches.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/json_schema.h"
#include "filters/validate/form.h"

namespace outrigger::filters {

// What is wanted of the answers to one request.
struct Wanted {
  using Schema = std::shared_ptr<const config::JsonSchema>;
  struct Tool {
    std::string name;  // as it stands between its quotes
    Schema schema;
  };
  Form form = Form::kNone;
  std::vector<Schema> body;  // that the whole body must fit
  std::vector<Schema> text;  // that the model's text must fit; empty: it may be any text
  std::vector<Tool> tools;
  bool arguments = false;  // of tool calls must be JSON, and fit their tool's schema
  bool in_part = false;    // a schema of the request cannot be used

  [[nodiscard]] bool nothing() const noexcept { return form == Form::kNone && body.empty(); }
};

enum class Mending : std::uint8_t { kNone, kDeterministic };

struct Inspection {
  enum class Result : std::uint8_t { kGood, kMended, kInvalid };
  Result result = Result::kGood;
  std::string body;       // kMended: the answer as it should have been
  std::string complaint;  // kInvalid: what is wrong, bounded
  std::string wrong;      // kInvalid: the text that is, to know it again
  std::size_t choice = 0;
  bool in_part = false;  // kGood, kMended: something was too large to be looked at
  bool empty = false;    // there is nothing that the model could be shown
  bool cut = false;      // it ended at its limit of tokens: asked again it would so again
};

// `answer` is the whole body, decoded.
[[nodiscard]] Inspection inspect(const Wanted& wanted, std::string_view answer, Mending mending);

}  // namespace outrigger::filters
