// The JSON that the mock writes: members in the order in which providers have them.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace outrigger::mock {

using Json = nlohmann::ordered_json;

// Never throws: bytes that are not UTF-8 are replaced.
inline std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// A member that is a string, or empty.
inline std::string text_of(const Json& json, std::string_view name) {
  if (!json.is_object()) return {};
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

inline bool is_true(const Json& json, std::string_view name) {
  if (!json.is_object()) return false;
  const auto found = json.find(name);
  return found != json.end() && found->is_boolean() && found->get<bool>();
}

}  // namespace outrigger::mock
