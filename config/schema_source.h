// Makes a JSON Schema that anybody may have written fit for a validator that trusts its schema:
// refuses what would recurse without end, and says in patterns what it would check with expressions
// of its own. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace outrigger::config {

// Types in lower case, and `nullable` as a type: what Gemini's OpenAPI words mean in JSON Schema.
void translate_open_api(nlohmann::json& schema);

// Removes identifiers (references are within the document) and `format`, of which date, time and
// date-time become patterns.
void simplify_schema(nlohmann::json& schema);

// Every `pattern` that stands in the schema, and every name of patternProperties.
[[nodiscard]] std::vector<std::string> patterns_of(const nlohmann::json& schema);
[[nodiscard]] std::vector<std::string> name_patterns_of(const nlohmann::json& schema);

// Removes what costs more than its text is long: pattern, patternProperties, uniqueItems.
void remove_costly(nlohmann::json& schema);

// Why it would not end, or not be compiled: a reference to elsewhere or to nothing, a circle of
// references that no value ends, too many levels.
[[nodiscard]] std::optional<std::string> defect_of(const nlohmann::json& schema);

// Puts `keyword: true` into every schema that a value may be held against; of one without defect.
void add_to_each(nlohmann::json& schema, const char* keyword);

}  // namespace outrigger::config
