// A JSON Schema (up to draft 7, as valijson has it) that is compiled once and asked often. Schemas
// come with requests too, so a compiled one cannot recurse without end, and its patterns take
// polynomial time. Used by one thread at a time.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace outrigger::config {

class JsonSchema {
 public:
  enum class Written : std::uint8_t {
    kInConfiguration,
    kInRequest,  // a pattern that is none here is no reason to leave all unchecked
    kAsOpenApi,  // in a request, in the words of Gemini's responseSchema
  };
  // A larger schema is refused, and JSON that is larger, or nested deeper, fits none.
  static constexpr std::size_t kMaxSchema = 256 * 1024;
  static constexpr std::size_t kMaxText = 1024 * 1024;
  static constexpr std::size_t kMaxDepth = 64;

  // The error is what is wrong with it, for a person.
  static std::expected<JsonSchema, std::string> compile(std::string_view text, Written written);
  // What admits any JSON.
  static JsonSchema any();

  JsonSchema(JsonSchema&&) noexcept;
  JsonSchema& operator=(JsonSchema&&) noexcept;
  ~JsonSchema();

  // What is wrong with `json`, in at most kMaxComplaint bytes; nothing when it fits. Holds words of
  // the schema and names of properties, but no values of the text.
  [[nodiscard]] std::optional<std::string> complaint(std::string_view json) const;
  static constexpr std::size_t kMaxComplaint = 600;

 private:
  struct Compiled;
  explicit JsonSchema(std::unique_ptr<Compiled> compiled) noexcept;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace outrigger::config
