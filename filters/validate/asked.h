// What a request says its answer must look like: the schema of structured output, JSON mode, and
// the schemas of its tools (llm 1, "Output-fixing layers"). Pure.
#pragma once

#include <string_view>
#include <vector>

#include "config/json_schema.h"
#include "filters/validate/form.h"

namespace outrigger::filters {

// A schema as it stands in the request; `text` is empty where there is none.
struct AskedSchema {
  std::string_view text;
  config::JsonSchema::Written written = config::JsonSchema::Written::kInRequest;
};

struct Asked {
  struct Tool {
    std::string_view name;  // as it stands between its quotes
    AskedSchema schema;
  };
  bool json = false;  // the text must be JSON
  AskedSchema schema;
  std::vector<Tool> tools;  // that have a schema

  [[nodiscard]] const AskedSchema* tool(std::string_view name) const noexcept;
};

// Views point into `body`; a body that is no JSON object asks for nothing.
[[nodiscard]] Asked asked_of(Form form, std::string_view body);

}  // namespace outrigger::filters
