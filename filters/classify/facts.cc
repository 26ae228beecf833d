#include "filters/classify/facts.h"

#include <algorithm>
#include <charconv>

#include "filters/classify/built_in_rules.h"
#include "proxy/http/problem.h"

namespace outrigger::filters {
namespace {

bool is_number(std::string_view text) noexcept {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// 400 to 599; 0 for all else.
int status_in(const std::vector<std::string>& errors) noexcept {
  for (const std::string& error : errors) {
    int number = 0;
    if (error.size() != 3 || !is_number(error)) continue;
    std::from_chars(error.data(), error.data() + error.size(), number);
    if (number >= 400 && number < 600) return number;
  }
  return 0;
}

bool any_names(const std::vector<std::string>& errors, std::string_view word) {
  return std::ranges::any_of(errors,
                             [&](const std::string& error) { return names_error(error, word); });
}

}  // namespace

Facts::Facts(const config::Policies& policies, const Evidence& evidence)
    : evidence_(evidence), body_(evidence.body), status_(evidence.status) {
  read_errors(policies.error_fields);
  read_messages(policies.message_fields);
  if (evidence.in_stream) status_ = status_in(errors_);
}

void Facts::read_errors(const std::vector<std::string>& fields) {
  if (evidence_.headers != nullptr) {
    if (const http::Field* aws = evidence_.headers->find("x-amzn-errortype")) {
      errors_.emplace_back(aws->value.substr(0, aws->value.find(':')));
    }
    const std::string_view grpc = grpc_name(grpc_status(*evidence_.headers));
    if (!grpc.empty()) errors_.emplace_back(grpc);
  }
  for (const std::string& field : fields) {
    for (JsonValue& value : body_.find(field)) {
      using Kind = JsonValue::Kind;
      const bool scalar = value.kind == Kind::kText || value.kind == Kind::kNumber;
      if (scalar && !value.text.empty()) errors_.push_back(std::move(value.text));
    }
  }
  // Bedrock names the error there, most others say "error".
  const std::string_view type = evidence_.event_type;
  if (evidence_.in_stream && !type.empty() && type != "error") errors_.emplace_back(type);
}

void Facts::read_messages(const std::vector<std::string>& fields) {
  for (const std::string& field : fields) {
    for (JsonValue& value : body_.find(field)) {
      if (value.kind == JsonValue::Kind::kText) messages_.push_back(std::move(value.text));
    }
  }
  if (evidence_.headers != nullptr) {
    const http::Field* grpc = evidence_.headers->find("grpc-message");
    if (grpc != nullptr) messages_.emplace_back(grpc->value);
  }
}

std::string_view Facts::message() const noexcept {
  if (!messages_.empty()) return messages_.front();
  return body_.empty() ? evidence_.body : std::string_view{};
}

std::string_view Facts::error_for(const config::ClassifyRule* rule) const {
  if (rule != nullptr) {
    for (const std::string& word : rule->error) {
      const auto named = std::ranges::find_if(
          errors_, [&](const std::string& error) { return names_error(error, word); });
      if (named != errors_.end()) return *named;
    }
  }
  const auto word = std::ranges::find_if_not(errors_, is_number);
  if (word != errors_.end()) return *word;
  return errors_.empty() ? std::string_view{} : std::string_view(errors_.front());
}

bool Facts::fits_failure(const config::ClassifyRule& rule) const {
  std::string_view reason, proxy_error;
  if (evidence_.failure != nullptr) {
    reason = evidence_.failure->reason;
    proxy_error = http::problem_kind(*evidence_.failure).proxy_error;
  } else if (evidence_.defect == "truncated") {
    proxy_error = "http_response_incomplete";
  }
  return std::ranges::any_of(
      rule.failure, [&](const std::string& word) { return word == reason || word == proxy_error; });
}

bool Facts::fit(const config::ClassifyRule& rule) const {
  if (!rule.failure.empty()) {
    if (!fits_failure(rule)) return false;
  } else {
    if (evidence_.status == 0 && !evidence_.in_stream) return false;
    if (rule.status.empty() && !evidence_.in_stream && evidence_.status < 400) return false;
  }
  if (rule.in_stream && *rule.in_stream != evidence_.in_stream) return false;
  const auto any = [](const auto& list, const auto& test) {
    return list.empty() || std::ranges::any_of(list, test);
  };
  const auto message_has = [&](const std::string& part) {
    if (messages_.empty()) return contains_ignore_case(message(), part);
    return std::ranges::any_of(
        messages_, [&](const std::string& message) { return contains_ignore_case(message, part); });
  };
  return any(rule.status, [&](config::StatusRange range) { return range.contains(status_); }) &&
         any(rule.error, [&](const std::string& word) { return any_names(errors_, word); }) &&
         any(rule.message, message_has) &&
         (rule.header.empty() ||
          (evidence_.headers != nullptr && headers_fit(rule, *evidence_.headers))) &&
         std::ranges::all_of(rule.json,
                             [&](const config::JsonMatch& match) { return holds(body_, match); });
}

bool names_error(std::string_view error, std::string_view word) noexcept {
  if (http::equals_ignore_case(error, word)) return true;
  const std::size_t hash = error.rfind('#');
  if (hash != std::string_view::npos) error.remove_prefix(hash + 1);
  return http::equals_ignore_case(error, word);
}

bool headers_fit(const config::ClassifyRule& rule, const http::Headers& headers) {
  return std::ranges::all_of(rule.header, [&](const config::HeaderMatch& match) {
    const http::Field* field = headers.find(match.name);
    return field != nullptr &&
           (match.value == "*" || http::equals_ignore_case(field->value, match.value));
  });
}

}  // namespace outrigger::filters
