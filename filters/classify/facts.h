// What the rules ask of an answer: status, error codes, messages, JSON fields. Read once from the
// evidence, for the length of one judgement. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/policies.h"
#include "filters/classify/classifier.h"
#include "filters/classify/json_fields.h"

namespace outrigger::filters {

class Facts {
 public:
  Facts(const config::Policies& policies, const Evidence& evidence);

  // All that the rule names holds. A rule that names neither a status nor a failure is for errors:
  // it is never asked of an answer below 400. One that does not name a failure is not for attempts
  // without an answer. The code in an error event counts as its status.
  [[nodiscard]] bool fit(const config::ClassifyRule& rule) const;

  // Of an error event the number in it, 0 when there is none.
  [[nodiscard]] int status() const noexcept { return status_; }
  // As they stand in the answer: in the header of AWS, as a status of gRPC, in the order of
  // error_fields, as the type of an event.
  [[nodiscard]] const std::vector<std::string>& errors() const noexcept { return errors_; }
  // The one that `rule` names, else the first that is not a mere number, else the first; or empty.
  [[nodiscard]] std::string_view error_for(const config::ClassifyRule* rule) const;
  // The provider's words for people; of an answer that is no JSON the text itself.
  [[nodiscard]] std::string_view message() const noexcept;
  [[nodiscard]] const JsonAnswer& body() const noexcept { return body_; }

 private:
  void read_errors(const std::vector<std::string>& fields);
  void read_messages(const std::vector<std::string>& fields);
  [[nodiscard]] bool fits_failure(const config::ClassifyRule& rule) const;

  const Evidence& evidence_;
  JsonAnswer body_;
  int status_ = 0;
  std::vector<std::string> errors_;
  std::vector<std::string> messages_;
};

// Whether the name, or the name without its decoration, is that word, without case: in `__type` AWS
// writes "com.amazonaws.bedrock#ThrottlingException".
[[nodiscard]] bool names_error(std::string_view error, std::string_view word) noexcept;

// Whether each header that the rule names is there with its value.
[[nodiscard]] bool headers_fit(const config::ClassifyRule& rule, const http::Headers& headers);

}  // namespace outrigger::filters
