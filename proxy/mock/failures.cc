#include "proxy/mock/failures.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>

#include <fmt/format.h>

#include "proxy/mock/answers.h"
#include "proxy/mock/event_stream.h"

namespace outrigger::mock {
namespace {

// The word that a provider has for a status; a row of status 0 ends with "all others".
struct StatusWord {
  int status;
  std::string_view word;
};

template <std::size_t kSize>
std::string word_of(const Failure& failure, const std::array<StatusWord, kSize>& words) {
  if (!failure.code.empty()) return failure.code;
  const auto found = std::ranges::find_if(words, [&](const StatusWord& row) {
    return row.status == failure.status || row.status == 0;
  });
  return std::string(found == words.end() ? words.back().word : found->word);
}

std::string message_of(const Failure& failure) {
  if (!failure.message.empty()) return failure.message;
  return fmt::format("The mock upstream was told to answer {}.", failure.status);
}

Answer answer_of(const Failure& failure, const Json& body) {
  Answer answer = whole_answer(body);
  answer.status = failure.status;
  return answer;
}

// ---- OpenAI ----

constexpr std::array kOpenAiCodes = {
    StatusWord{401, "invalid_api_key"},       StatusWord{404, "model_not_found"},
    StatusWord{429, "rate_limit_exceeded"},   StatusWord{503, "server_is_overloaded"},
    StatusWord{400, "invalid_request_error"}, StatusWord{0, "server_error"}};

std::string openai_type(const Failure& failure, const std::string& code) {
  if (code == "insufficient_quota") return code;
  if (failure.status == 429) return "requests";
  if (failure.status == 503) return "service_unavailable_error";
  return failure.status >= 500 ? "server_error" : "invalid_request_error";
}

Json openai_error(const Failure& failure) {
  const std::string code = word_of(failure, kOpenAiCodes);
  return {{"error",
           {{"message", message_of(failure)},
            {"type", openai_type(failure, code)},
            {"param", failure.param.empty() ? Json() : Json(failure.param)},
            {"code", code}}}};
}

// On the wire flat and nested: libraries look at either.
std::string responses_event(const Failure& failure) {
  const std::string code = word_of(failure, kOpenAiCodes);
  const Json event = {{"type", "error"},  {"sequence_number", 1'000'000},
                      {"code", code},     {"message", message_of(failure)},
                      {"param", nullptr}, {"error", openai_error(failure)["error"]}};
  return sse(Role::kContent, "error", event).bytes;
}

// ---- Anthropic ----

constexpr std::array kAnthropicTypes = {
    StatusWord{400, "invalid_request_error"}, StatusWord{401, "authentication_error"},
    StatusWord{402, "billing_error"},         StatusWord{403, "permission_error"},
    StatusWord{404, "not_found_error"},       StatusWord{409, "conflict_error"},
    StatusWord{413, "request_too_large"},     StatusWord{422, "invalid_request_error"},
    StatusWord{429, "rate_limit_error"},      StatusWord{504, "timeout_error"},
    StatusWord{529, "overloaded_error"},      StatusWord{0, "api_error"}};

bool is_anthropic_type(const std::string& code) {
  return std::ranges::find(kAnthropicTypes, code, &StatusWord::word) != kAnthropicTypes.end();
}

// A code that is no type is the finer one in the details.
Json anthropic_error(const Failure& failure, const std::string& request_id) {
  Failure plain = failure;
  const bool finer = !failure.code.empty() && !is_anthropic_type(failure.code);
  if (finer) plain.code.clear();
  Json error = {{"type", word_of(plain, kAnthropicTypes)}, {"message", message_of(failure)}};
  if (finer) error["details"] = {{"error_code", failure.code}};
  return {{"type", "error"}, {"error", error}, {"request_id", request_id}};
}

// ---- Gemini ----

constexpr std::array kGeminiStates = {StatusWord{400, "INVALID_ARGUMENT"},
                                      StatusWord{401, "UNAUTHENTICATED"},
                                      StatusWord{403, "PERMISSION_DENIED"},
                                      StatusWord{404, "NOT_FOUND"},
                                      StatusWord{429, "RESOURCE_EXHAUSTED"},
                                      StatusWord{499, "CANCELLED"},
                                      StatusWord{503, "UNAVAILABLE"},
                                      StatusWord{504, "DEADLINE_EXCEEDED"},
                                      StatusWord{0, "INTERNAL"}};

std::string gemini_delay(const Failure& failure) {
  if (!failure.retry_after.empty()) return failure.retry_after + "s";
  if (failure.retry_after_ms) {
    return fmt::format("{}s", std::chrono::duration<double>(*failure.retry_after_ms).count());
  }
  return {};
}

// A code that names a quota ("...PerDay...") is the quota; the status keeps its own word.
Json gemini_error(const Failure& failure) {
  Failure plain = failure;
  const bool quota = failure.code.find("Per") != std::string::npos;
  if (quota) plain.code.clear();
  Json details = Json::array();
  if (quota) {
    details.push_back({{"@type", "type.googleapis.com/google.rpc.QuotaFailure"},
                       {"violations", Json::array({{{"quotaId", failure.code}}})}});
  }
  if (const std::string delay = gemini_delay(failure); !delay.empty()) {
    details.push_back(
        {{"@type", "type.googleapis.com/google.rpc.RetryInfo"}, {"retryDelay", delay}});
  }
  Json error = {{"code", failure.status},
                {"message", message_of(failure)},
                {"status", word_of(plain, kGeminiStates)}};
  if (!details.empty()) error["details"] = details;
  return {{"error", error}};
}

// ---- Bedrock ----

constexpr std::array kBedrockTypes = {
    StatusWord{400, "ValidationException"},         StatusWord{403, "AccessDeniedException"},
    StatusWord{404, "ResourceNotFoundException"},   StatusWord{408, "ModelTimeoutException"},
    StatusWord{424, "ModelErrorException"},         StatusWord{429, "ThrottlingException"},
    StatusWord{503, "ServiceUnavailableException"}, StatusWord{0, "InternalServerException"}};

Answer bedrock_error(const Failure& failure, Identity& identity) {
  Answer answer = answer_of(failure, {{"message", message_of(failure)}});
  answer.headers = {{"x-amzn-RequestId", identity.uuid()},
                    {"x-amzn-ErrorType", word_of(failure, kBedrockTypes)}};
  return answer;
}

// ---- Stripe, Salesforce, Slack, HubSpot ----

Answer stripe_error(const Failure& failure, Identity& identity) {
  constexpr std::array kTypes = {StatusWord{400, "invalid_request_error"},
                                 StatusWord{401, "invalid_request_error"},
                                 StatusWord{402, "card_error"},
                                 StatusWord{404, "invalid_request_error"},
                                 StatusWord{409, "invalid_request_error"},
                                 StatusWord{429, "invalid_request_error"},
                                 StatusWord{0, "api_error"}};
  constexpr std::array kCodes = {StatusWord{402, "card_declined"},
                                 StatusWord{409, "idempotency_key_in_use"},
                                 StatusWord{429, "rate_limit"}, StatusWord{0, ""}};
  Failure plain = failure;
  const bool type = failure.code.ends_with("_error");
  if (!type) plain.code.clear();
  Json error = {{"type", word_of(plain, kTypes)}, {"message", message_of(failure)}};
  plain.code = type ? "" : failure.code;
  if (const std::string code = word_of(plain, kCodes); !code.empty()) error["code"] = code;
  Answer answer = answer_of(failure, {{"error", error}});
  answer.headers = {{"request-id", identity.make("req_", 14)}};
  return answer;
}

Answer salesforce_error(const Failure& failure) {
  constexpr std::array kCodes = {
      StatusWord{400, "INVALID_FIELD"},          StatusWord{401, "INVALID_SESSION_ID"},
      StatusWord{403, "REQUEST_LIMIT_EXCEEDED"}, StatusWord{404, "NOT_FOUND"},
      StatusWord{503, "SERVER_UNAVAILABLE"},     StatusWord{0, "UNKNOWN_EXCEPTION"}};
  Answer answer = answer_of(failure, Json::array({{{"message", message_of(failure)},
                                                   {"errorCode", word_of(failure, kCodes)},
                                                   {"fields", Json::array()}}}));
  answer.headers = {{"Sforce-Limit-Info", "api-usage=18/5000"}};
  return answer;
}

// Errors of Slack are answers with 200.
Answer slack_error(const Failure& failure) {
  constexpr std::array kWords = {StatusWord{401, "invalid_auth"}, StatusWord{429, "ratelimited"},
                                 StatusWord{503, "service_unavailable"},
                                 StatusWord{0, "internal_error"}};
  return answer_of(failure, {{"ok", false}, {"error", word_of(failure, kWords)}});
}

Answer hubspot_error(const Failure& failure, Identity& identity) {
  Json body = {
      {"status", "error"}, {"message", message_of(failure)}, {"correlationId", identity.uuid()}};
  if (failure.status == 429) {
    body["errorType"] = "RATE_LIMIT";
    body["policyName"] = failure.code.empty() ? "TEN_SECONDLY_ROLLING" : failure.code;
  } else {
    body["category"] = failure.code.empty() ? "VALIDATION_ERROR" : failure.code;
  }
  return answer_of(failure, body);
}

Answer github_error(const Failure& failure, Identity& identity) {
  Json body = {{"message", message_of(failure)},
               {"documentation_url", "https://docs.github.com/rest"}};
  if (failure.code == "secondary")
    body["message"] = "You have exceeded a secondary rate limit. Please wait a few minutes.";
  Answer answer = answer_of(failure, body);
  answer.headers = {{"x-github-request-id", identity.uuid()}};
  if (failure.code == "primary") answer.headers.emplace_back("x-ratelimit-remaining", "0");
  return answer;
}

Answer with_id(Answer answer, std::string_view name, const std::string& id) {
  answer.headers.emplace_back(name, id);
  return answer;
}

Answer shaped(const Call& call, const Failure& failure, Identity& identity) {
  switch (call.dialect) {
    case Dialect::kAnthropic: {
      const std::string id = identity.make("req_");
      return with_id(answer_of(failure, anthropic_error(failure, id)), "request-id", id);
    }
    case Dialect::kGemini:
      return answer_of(failure, gemini_error(failure));
    case Dialect::kBedrockConverse:
    case Dialect::kBedrockInvoke:
      return bedrock_error(failure, identity);
    case Dialect::kCohere:
      return answer_of(failure, {{"id", identity.uuid()}, {"message", message_of(failure)}});
    case Dialect::kOllama:
      return answer_of(failure, {{"error", message_of(failure)}});
    case Dialect::kStripe:
      return stripe_error(failure, identity);
    case Dialect::kSalesforce:
      return salesforce_error(failure);
    case Dialect::kSlack:
      return slack_error(failure);
    case Dialect::kGitHub:
      return github_error(failure, identity);
    case Dialect::kHubSpot:
      return hubspot_error(failure, identity);
    default:  // the echo too: most APIs have such an object
      return with_id(answer_of(failure, openai_error(failure)), "x-request-id",
                     identity.make("req_"));
  }
}

void add_hints(Answer& answer, const Failure& failure, const Identity& identity) {
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  if (!failure.retry_after.empty()) answer.headers.emplace_back("retry-after", failure.retry_after);
  if (failure.retry_after_ms) {
    const auto ms = std::chrono::duration_cast<milliseconds>(*failure.retry_after_ms).count();
    answer.headers.emplace_back("retry-after-ms", std::to_string(ms));
  }
  if (failure.retry_after_date) {
    const auto ahead = std::chrono::ceil<seconds>(*failure.retry_after_date).count();
    answer.headers.emplace_back("retry-after", http_date(identity.seconds() + ahead));
  }
}

// Bedrock's names inside a stream begin in lower case.
std::string bedrock_exception(const Failure& failure) {
  std::string name = word_of(failure, kBedrockTypes);
  if (!name.empty() && name[0] >= 'A' && name[0] <= 'Z')
    name[0] = static_cast<char>(name[0] | 0x20);
  return exception_frame(name, dump({{"message", message_of(failure)}}));
}

std::string cohere_event(const Failure& failure) {
  const Json event = {{"type", "message-end"},
                      {"delta", {{"finish_reason", "ERROR"}, {"error", message_of(failure)}}}};
  return sse(Role::kContent, "message-end", event).bytes;
}

}  // namespace

Answer error_answer(const Call& call, const Failure& failure, Identity& identity) {
  Answer answer = shaped(call, failure, identity);
  if (call.dialect != Dialect::kGemini) add_hints(answer, failure, identity);
  return answer;
}

std::string error_event(const Call& call, const Failure& failure, Identity& identity) {
  switch (call.dialect) {
    case Dialect::kOpenAiResponses:
      return responses_event(failure);
    case Dialect::kAnthropic:
      return sse(Role::kContent, "error", anthropic_error(failure, identity.make("req_"))).bytes;
    case Dialect::kGemini:
      if (call.form == Form::kArray) return dump(gemini_error(failure));
      return sse(Role::kContent, gemini_error(failure)).bytes;
    case Dialect::kBedrockConverse:
    case Dialect::kBedrockInvoke:
      return bedrock_exception(failure);
    case Dialect::kCohere:
      return cohere_event(failure);
    case Dialect::kOllama:
      return dump({{"error", message_of(failure)}}) + "\n";
    default:
      return sse(Role::kContent, openai_error(failure)).bytes;
  }
}

}  // namespace outrigger::mock
