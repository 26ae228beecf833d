#include "config/json_schema.h"

#include <algorithm>
#include <regex>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validation_visitor.hpp>

#include "config/schema_meter.h"
#include "config/schema_source.h"

namespace outrigger::config {
namespace {

using Json = nlohmann::json;
using Adapter = valijson::adapters::NlohmannJsonAdapter;
using Patterns = std::unordered_map<std::string, std::regex>;

// Longer texts meet no pattern, longer lists need not be unique: the time would grow with the
// square of their length.
constexpr std::size_t kMaxMatched = 1024;
constexpr std::size_t kMaxUnique = 1000;
constexpr std::size_t kMaxPattern = 512;
constexpr std::size_t kMostComplaints = 5;
// Of a larger text it is only said that it does not fit.
constexpr std::size_t kMaxExplained = 64 * 1024;

// Levels of arrays and objects, whatever else is wrong with the text.
std::size_t depth_of(std::string_view text) noexcept {
  std::size_t depth = 0, most = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      most = std::max(most, ++depth);
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return most;
}

// The other engine of libstdc++ recurses for every character, and may try without end.
std::optional<std::regex> compile_pattern(const std::string& pattern) {
  if (pattern.size() > kMaxPattern) return std::nullopt;
  try {
    return std::regex(pattern,
                      std::regex_constants::ECMAScript | std::regex_constants::__polynomial);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

// valijson matches names with the other engine: of what repeats once there is one way only.
bool is_simple(const std::string& pattern) {
  const auto repeats =
      std::ranges::count_if(pattern, [](char c) { return std::string_view("*+{?|").contains(c); });
  return repeats <= 1 && compile_pattern(pattern).has_value();
}

// No text, name or list is too long for what costs more.
bool within_bounds(const Json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>().size() <= kMaxMatched;
  if (value.is_array()) {
    return value.size() <= kMaxUnique && std::ranges::all_of(value, within_bounds);
  }
  for (auto it = value.begin(); value.is_object() && it != value.end(); ++it) {
    if (it.key().size() > kMaxMatched || !within_bounds(*it)) return false;
  }
  return true;
}

// "/items/0: Missing required property 'name'." of the context <root>, [items], [0].
void append_complaint(std::string& out, const valijson::ValidationResults::Error& error) {
  std::string place;
  for (const std::string& part : error.context) {
    if (part.starts_with('[') && part.ends_with(']')) {
      place.append("/").append(part, 1, part.size() - 2);
    }
  }
  if (!out.empty()) out += "; ";
  out += place.empty() ? "the value" : place.substr(0, 120);
  out.append(": ").append(error.description, 0, 200);
  if (out.ends_with('.')) out.pop_back();
}

void cut(std::string& text, std::size_t most) {
  if (text.size() <= most) return;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  text.resize(most);
}

// The first that cannot be matched safely.
std::optional<std::string> compile_patterns(const Json& schema, Patterns& patterns) {
  for (const std::string& pattern : patterns_of(schema)) {
    std::optional<std::regex> regex = compile_pattern(pattern);
    if (!regex) return pattern;
    patterns.emplace(pattern, std::move(*regex));
  }
  for (const std::string& pattern : name_patterns_of(schema)) {
    if (!is_simple(pattern)) return pattern;
  }
  return std::nullopt;
}

// Stops at the first defect, unless there are `results` to gather them.
bool fits(const Json& value, const valijson::Schema& schema, Patterns& patterns,
          valijson::ValidationResults* results) {
  const Adapter target(value);
  valijson::ValidationVisitor<Adapter> visitor(target, {"<root>"}, true, results, patterns);
  return visitor.validateSchema(schema);
}

std::optional<std::string> prepare(Json& schema, std::string_view text,
                                   JsonSchema::Written written) {
  if (text.size() > JsonSchema::kMaxSchema) return "the schema is larger than 256 KiB";
  if (depth_of(text) > 2 * JsonSchema::kMaxDepth) return "the schema is nested too deeply";
  schema = Json::parse(text, nullptr, false);
  if (schema.is_discarded()) return "the schema is not JSON";
  if (written == JsonSchema::Written::kAsOpenApi) translate_open_api(schema);
  simplify_schema(schema);
  return defect_of(schema);
}

}  // namespace

struct JsonSchema::Compiled {
  valijson::Schema exact;
  // Without what costs too much for long texts and lists; there when the schema has any of that.
  std::unique_ptr<valijson::Schema> quick;
  bool admits_all = false;
  mutable Patterns patterns;
  mutable std::uint64_t steps_left = 0;

  void compile(const Json& source, valijson::Schema& into) {
    valijson::SchemaParser parser;
    parser.addConstraintBuilder(kMeterKeyword, new MeterBuilder(steps_left));
    parser.populateSchema(Adapter(source), into);
  }
};

JsonSchema::JsonSchema(std::unique_ptr<Compiled> compiled) noexcept
    : compiled_(std::move(compiled)) {}
JsonSchema::JsonSchema(JsonSchema&&) noexcept = default;
JsonSchema& JsonSchema::operator=(JsonSchema&&) noexcept = default;
JsonSchema::~JsonSchema() = default;

JsonSchema JsonSchema::any() {
  auto compiled = std::make_unique<Compiled>();
  compiled->admits_all = true;
  return JsonSchema(std::move(compiled));
}

std::expected<JsonSchema, std::string> JsonSchema::compile(std::string_view text, Written written) {
  Json schema;
  if (auto wrong = prepare(schema, text, written)) return std::unexpected(std::move(*wrong));
  auto compiled = std::make_unique<Compiled>();
  const std::optional<std::string> unsupported = compile_patterns(schema, compiled->patterns);
  if (unsupported && written == Written::kInConfiguration) {
    return std::unexpected(
        fmt::format("the pattern {:?} is not supported", unsupported->substr(0, 100)));
  }
  add_to_each(schema, kMeterKeyword);
  try {
    Json quick = schema;
    remove_costly(quick);
    if (quick != schema) {
      compiled->quick = std::make_unique<valijson::Schema>();
      compiled->compile(quick, *compiled->quick);
      if (unsupported) schema = std::move(quick);
    }
    compiled->compile(schema, compiled->exact);
  } catch (const std::exception& error) {
    std::string why = error.what();
    cut(why, 200);
    return std::unexpected(std::move(why));
  }
  return JsonSchema(std::move(compiled));
}

std::optional<std::string> JsonSchema::complaint(std::string_view json) const {
  if (json.size() > kMaxText) return "the text is larger than 1 MiB";
  if (depth_of(json) > kMaxDepth) return "the text is nested deeper than 64 levels";
  const Json value = Json::parse(json, nullptr, false);
  if (value.is_discarded()) return "the text is not JSON";
  if (compiled_->admits_all) return std::nullopt;
  const bool exact = compiled_->quick == nullptr || within_bounds(value);
  const valijson::Schema& schema = exact ? compiled_->exact : *compiled_->quick;
  valijson::ValidationResults results;
  // More than any value takes whose schema looks at each part a few times.
  compiled_->steps_left = 10'000 + 4 * json.size();
  try {
    if (fits(value, schema, compiled_->patterns, nullptr)) return std::nullopt;
  } catch (const std::exception&) {
    if (compiled_->steps_left == 0) return "the text takes too long to be checked";
    return std::nullopt;  // the schema means something that valijson cannot do
  }
  try {
    // Every complaint is kept until the end: their number must be bounded.
    if (json.size() <= kMaxExplained) fits(value, schema, compiled_->patterns, &results);
  } catch (const std::exception&) {  // those that were found until then will do
  }
  std::string out;
  std::size_t count = 0;
  for (const auto& error : results) {
    if (++count > kMostComplaints) break;
    append_complaint(out, error);
  }
  if (out.empty()) out = "the value does not fit the schema";
  cut(out, kMaxComplaint);
  return out;
}

}  // namespace outrigger::config
