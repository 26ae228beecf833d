// Reads fields of a JSON answer by pointer (RFC 6901), also of one that was cut. For error bodies,
// which are bounded: it copies the body and parses all of it. One an answer.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/policies.h"

namespace outrigger::filters {

// One value of an answer.
struct JsonValue {
  enum class Kind : std::uint8_t { kText, kNumber, kLiteral, kNested };
  Kind kind = Kind::kNested;  // kLiteral: true, false, null; kNested: a list or a map
  std::string text;           // decoded; a number or literal as written; empty for kNested
  double number = 0;          // kNumber
};

class JsonAnswer {
 public:
  explicit JsonAnswer(std::string_view body);
  JsonAnswer(const JsonAnswer&) = delete;
  JsonAnswer& operator=(const JsonAnswer&) = delete;
  ~JsonAnswer();

  // Nothing could be read: no JSON, or a lone scalar.
  [[nodiscard]] bool empty() const noexcept;

  // The values that the pointer leads to, at most 16. A `*` in it stands for every element of a
  // list. In a document that is a list, a pointer that leads nowhere is tried in its first element:
  // some services wrap their one error so (Salesforce, Gemini).
  [[nodiscard]] std::vector<JsonValue> find(std::string_view pointer) const;

  // The first text or number at the pointer.
  [[nodiscard]] std::optional<JsonValue> scalar(std::string_view pointer) const;

 private:
  struct Document;
  std::unique_ptr<Document> document_;
};

// Whether one of the values at the pointer of `match` passes its test.
[[nodiscard]] bool holds(const JsonAnswer& answer, const config::JsonMatch& match);

// ASCII letters without case. An empty part is contained in all.
[[nodiscard]] bool contains_ignore_case(std::string_view text, std::string_view part) noexcept;

}  // namespace outrigger::filters
