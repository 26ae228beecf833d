#include "filters/validate/asked.h"

#include <algorithm>

#include "filters/json/json_text.h"
#include "proxy/base/json_checker.h"

namespace outrigger::filters {
namespace {

using Written = config::JsonSchema::Written;

AskedSchema schema_in(JsonText value, Written written = Written::kInRequest) noexcept {
  if (!value.is_object()) return {};
  return {value.text(), written};
}

// `{"type": "json_schema", "schema": …}`, or the same with the schema a level deeper.
void take_format(JsonText format, JsonText holder, Asked& asked) noexcept {
  const JsonText type = format["type"];
  if (type.is("json_schema")) {
    asked.json = true;
    asked.schema = schema_in(holder["schema"]);
  } else if (type.is("json_object")) {
    asked.json = true;
  }
}

void add_tool(JsonText named, AskedSchema schema, Asked& asked) {
  const JsonText name = named["name"];
  if (!name.is_string() || schema.text.empty()) return;
  asked.tools.push_back({name.text().substr(1, name.text().size() - 2), schema});
}

// The first that is there: Gemini takes names in either case.
JsonText first_of(JsonText object, std::initializer_list<std::string_view> names) noexcept {
  for (const std::string_view name : names) {
    if (const JsonText value = object[name]; value.there()) return value;
  }
  return {};
}

void take_gemini(JsonText request, Asked& asked) {
  const JsonText config = first_of(request, {"generationConfig", "generation_config"});
  const JsonText type = first_of(config, {"responseMimeType", "response_mime_type"});
  if (!type.there() || type.is("application/json")) {
    asked.schema = schema_in(
        first_of(config, {"responseJsonSchema", "response_json_schema", "_responseJsonSchema"}));
    if (asked.schema.text.empty()) {
      asked.schema =
          schema_in(first_of(config, {"responseSchema", "response_schema"}), Written::kAsOpenApi);
    }
    asked.json = type.there() || !asked.schema.text.empty();
  }
  request["tools"].each([&](JsonText tool) {
    first_of(tool, {"functionDeclarations", "function_declarations"}).each([&](JsonText function) {
      AskedSchema schema =
          schema_in(first_of(function, {"parametersJsonSchema", "parameters_json_schema"}));
      if (schema.text.empty()) schema = schema_in(function["parameters"], Written::kAsOpenApi);
      add_tool(function, schema, asked);
    });
  });
}

}  // namespace

const AskedSchema* Asked::tool(std::string_view name) const noexcept {
  const auto found = std::ranges::find(tools, name, &Tool::name);
  return found == tools.end() ? nullptr : &found->schema;
}

Asked asked_of(Form form, std::string_view body) {
  Asked asked;
  if (form == Form::kNone || !is_json(body)) return asked;
  const JsonText request(body);
  switch (form) {
    case Form::kChat: {
      const JsonText format = request["response_format"];
      take_format(format, format["json_schema"], asked);
      request["tools"].each([&](JsonText tool) {
        const JsonText function = tool["function"];
        add_tool(function, schema_in(function["parameters"]), asked);
      });
      break;
    }
    case Form::kResponses: {
      const JsonText format = request["text"]["format"];
      take_format(format, format, asked);
      request["tools"].each([&](JsonText tool) {
        if (tool["type"].is("function")) add_tool(tool, schema_in(tool["parameters"]), asked);
      });
      break;
    }
    case Form::kAnthropic: {
      JsonText format = request["output_config"]["format"];
      if (!format.is_object()) format = request["output_format"];
      take_format(format, format, asked);
      request["tools"].each(
          [&](JsonText tool) { add_tool(tool, schema_in(tool["input_schema"]), asked); });
      break;
    }
    case Form::kGemini:
      take_gemini(request, asked);
      break;
    case Form::kNone:
      break;
  }
  return asked;
}

}  // namespace outrigger::filters
