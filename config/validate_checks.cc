#include "config/validate_checks.h"

#include <fmt/format.h>

#include "config/json_schema.h"

namespace outrigger::config {
namespace {

bool has_answers_of_models(Dialect dialect) noexcept {
  return dialect == Dialect::kOpenai || dialect == Dialect::kAnthropic ||
         dialect == Dialect::kGemini || dialect == Dialect::kAuto;
}

}  // namespace

void check_schema(const Policies& policies, const std::string& level, bool whole,
                  Checker& checker) {
  if (!policies.validate) return;
  const Validate& validate = *policies.validate;
  const std::string path = level + ".validate";
  if (validate.schema.empty()) {
    if (validate.what != ValidateWhat::kBody || !whole) return;
    checker.error(Code::kMissingKey, path, "validate of: body has no schema",
                  "add schema: file:schema.json");
    return;
  }
  const auto schema = JsonSchema::compile(validate.schema, JsonSchema::Written::kInConfiguration);
  if (schema) return;
  checker.error(Code::kJson, path + ".schema",
                fmt::format("this JSON Schema cannot be used: {}", schema.error()),
                "write it as JSON Schema draft 7 has it");
}

void check_validate_reach(const Policies& policies, const std::string& level, Checker& checker) {
  if (!policies.validate || policies.validate->what == ValidateWhat::kBody) return;
  const std::string path = level + ".validate";
  if (!has_answers_of_models(policies.dialect)) {
    if (policies.validate->schema.empty()) return;  // as one for all upstreams may be
    checker.warning(Code::kSuspicious, path,
                    "validate has no effect: with this dialect no answer is a model's",
                    "write of: body and a schema, or set dialect: openai, anthropic or gemini");
  } else if (policies.commit.until != CommitUntil::kOnComplete) {
    checker.warning(Code::kSuspicious, path,
                    "streams are not validated: they are committed before they are whole",
                    "write commit: {until: on_complete}, or leave it so if nobody streams");
  }
}

}  // namespace outrigger::config
