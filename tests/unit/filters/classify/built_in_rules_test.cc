#include "filters/classify/built_in_rules.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace outrigger::filters {
namespace {

Error failure(Errc code, Phase phase, std::string_view reason, Origin origin = Origin::kUpstream) {
  return {code, origin, phase, reason, {}};
}

TEST(BuiltInRules, JudgeFailuresByWhatBrokeAndHowFarItGot) {
  struct Row {
    Error failure;
    Verdict verdict;
  };
  using enum Errc;
  using enum Phase;
  const Row rows[] = {
      // Nothing was taken: resilience 3, safety table P0 and P1.
      {failure(kResolve, kNoConnection, "dns_error"), Verdict::kRefusedUnsent},
      {failure(kResolve, kNoConnection, "dns_timeout"), Verdict::kRefusedUnsent},
      {failure(kConnect, kNoConnection, "connection_refused"), Verdict::kRefusedUnsent},
      {failure(kTimeout, kNoConnection, "connection_timeout"), Verdict::kRefusedUnsent},
      {failure(kTimeout, kNoConnection, "tls_timeout"), Verdict::kRefusedUnsent},
      {failure(kTls, kNoConnection, "tls_certificate_error"), Verdict::kRefusedUnsent},
      {failure(kTls, kNoConnection, "tls_protocol_error"), Verdict::kRefusedUnsent},
      {failure(kReset, kNothingAccepted, "connection_terminated"), Verdict::kRefusedUnsent},
      {failure(kReset, kNothingAccepted, "stream_refused"), Verdict::kRefusedUnsent},
      {failure(kReset, kFullyWritten, "stream_refused"), Verdict::kRefusedUnsent},  // h2
      {failure(kReset, kAnswered, "stream_refused"), Verdict::kTruncated},
      {failure(kOverload, kNoConnection, "connection_limit_reached", Origin::kProxy),
       Verdict::kRefusedUnsent},
      {failure(kDestination, kNoConnection, "destination_ip_prohibited", Origin::kProxy),
       Verdict::kClientError},
      {failure(kConfig, kNoConnection, "proxy_configuration_error", Origin::kProxy),
       Verdict::kClientError},
      {failure(kTooLarge, kNothingAccepted, "http_response_header_section_size"),
       Verdict::kClientError},
      // Our timers.
      {failure(kTimeout, kFullyWritten, "http_response_timeout"), Verdict::kTimeout},
      {failure(kTimeout, kPartlyWritten, "connection_write_timeout"), Verdict::kTimeout},
      {failure(kTimeout, kFullyWritten, "total_timeout"), Verdict::kTimeout},
      {failure(kTimeout, kAnswered, "connection_read_timeout"), Verdict::kTimeout},
      {failure(kTimeout, kCommitted, "connection_read_timeout"), Verdict::kTimeout},
      // Lost before an answer.
      {failure(kReset, kPartlyWritten, "connection_terminated"), Verdict::kTransient},
      {failure(kClosed, kFullyWritten, "connection_terminated"), Verdict::kTransient},
      {failure(kProtocol, kFullyWritten, "http_protocol_error"), Verdict::kTransient},
      {failure(kInternal, kFullyWritten, "proxy_internal_error", Origin::kProxy),
       Verdict::kTransient},
      {failure(kTooLarge, kFullyWritten, "http_response_header_section_size"),
       Verdict::kInvalidResponse},
      // In the middle of one.
      {failure(kReset, kAnswered, "connection_terminated"), Verdict::kTruncated},
      {failure(kClosed, kAnswered, "http_response_incomplete"), Verdict::kTruncated},
      {failure(kClosed, kFullyWritten, "http_response_incomplete"), Verdict::kTruncated},
      {failure(kProtocol, kCommitted, "http_response_transfer_coding"), Verdict::kTruncated},
      {failure(kTooLarge, kAnswered, "http_response_body_size"), Verdict::kInvalidResponse},
      // Nobody waits, whatever broke.
      {failure(kCancelled, kFullyWritten, "client_gone", Origin::kClient), Verdict::kCancelled},
      {failure(kCancelled, kFullyWritten, "hedge_lost", Origin::kProxy), Verdict::kCancelled},
      {failure(kReset, kPartlyWritten, "client_gone", Origin::kClient), Verdict::kCancelled},
      {failure(kTimeout, kPartlyWritten, "body_too_slow", Origin::kClient), Verdict::kCancelled},
      {failure(kTooLarge, kPartlyWritten, "body_too_large", Origin::kClient),
       Verdict::kClientError},
  };
  for (const auto& [error, verdict] : rows) {
    const BuiltIn says = judge_failure(error);
    EXPECT_EQ(to_string(says.verdict), to_string(verdict))
        << error.reason << " at " << to_string(error.phase);
    EXPECT_FALSE(says.because.empty());
    EXPECT_EQ(nobody_waits(error), verdict == Verdict::kCancelled) << error.reason;
  }
}

TEST(BuiltInRules, SayWhatBrokeBeforeAnythingWasSent) {
  const std::pair<Errc, std::string_view> rows[] = {
      {Errc::kResolve, "the upstream's name did not resolve: nothing was sent"},
      {Errc::kTls, "no TLS connection came about: nothing was sent"},
      {Errc::kTimeout, "no connection came about in time: nothing was sent"},
      {Errc::kOverload, "no connection was free: nothing was sent"},
      {Errc::kConnect, "the upstream took no byte of the request"},
  };
  for (const auto& [code, because] : rows) {
    EXPECT_EQ(judge_failure(failure(code, Phase::kNoConnection, "any")).because, because);
  }
  EXPECT_EQ(judge_failure(failure(Errc::kProtocol, Phase::kFullyWritten, "any")).because,
            "the answer was no valid HTTP");
}

TEST(BuiltInRules, SayWhatIsWrongWithASuccess) {
  const std::pair<std::string_view, BuiltIn> rows[] = {
      {"truncated", {Verdict::kTruncated, "the answer lacks its end"}},
      {"invalid_json", {Verdict::kInvalidResponse, "the answer is broken JSON"}},
      {"wrong_content_type",
       {Verdict::kInvalidResponse, "the answer has another content type than was asked for"}},
      {"empty_body", {Verdict::kInvalidResponse, "the answer has no body"}},
      {"another", {Verdict::kInvalidResponse, "the answer is no success, whatever its status"}},
  };
  for (const auto& [defect, says] : rows) {
    EXPECT_EQ(judge_defect(defect).verdict, says.verdict) << defect;
    EXPECT_EQ(judge_defect(defect).because, says.because) << defect;
  }
}

// Whatever the code: before a byte was taken nothing was executed, so nothing else is claimed.
TEST(BuiltInRules, NeverClaimThatAnUnsentCallWasLost) {
  for (int code = 0; code <= static_cast<int>(Errc::kInternal); ++code) {
    for (const Phase phase : {Phase::kNoConnection, Phase::kNothingAccepted}) {
      const auto says = judge_failure(failure(static_cast<Errc>(code), phase, "any"));
      EXPECT_TRUE(says.verdict == Verdict::kRefusedUnsent ||
                  says.verdict == Verdict::kClientError || says.verdict == Verdict::kCancelled)
          << code;
    }
    for (const Phase phase :
         {Phase::kPartlyWritten, Phase::kFullyWritten, Phase::kAnswered, Phase::kCommitted}) {
      const auto says = judge_failure(failure(static_cast<Errc>(code), phase, "any"));
      EXPECT_NE(says.verdict, Verdict::kRefusedUnsent) << code;
      EXPECT_NE(says.verdict, Verdict::kOk) << code;
    }
  }
}

TEST(BuiltInRules, JudgeStatuses) {
  struct Row {
    int status;
    Verdict verdict;
  };
  const Row rows[] = {
      {200, Verdict::kOk},
      {204, Verdict::kOk},
      {101, Verdict::kOk},
      {304, Verdict::kOk},
      {400, Verdict::kClientError},
      {401, Verdict::kAuth},
      {402, Verdict::kQuotaExhausted},
      {403, Verdict::kAuth},
      {404, Verdict::kClientError},
      {407, Verdict::kAuth},
      {408, Verdict::kTimeout},
      {409, Verdict::kTransient},
      {413, Verdict::kClientError},
      {422, Verdict::kClientError},
      {425, Verdict::kTransient},
      {429, Verdict::kThrottled},
      {498, Verdict::kClientError},
      {499, Verdict::kTransient},
      {500, Verdict::kTransient},
      {501, Verdict::kClientError},
      {502, Verdict::kTransient},
      {503, Verdict::kOverloaded},
      {504, Verdict::kTransient},
      {505, Verdict::kClientError},
      {520, Verdict::kTransient},
      {529, Verdict::kOverloaded},
      {599, Verdict::kTransient},
      {799, Verdict::kTransient},
  };
  for (const auto& [status, verdict] : rows) {
    EXPECT_EQ(to_string(judge_status(status).verdict), to_string(verdict)) << status;
  }
}

// llm 2.3: the words of error events of OpenAI, Anthropic, Gemini and Bedrock, in any case.
TEST(BuiltInRules, JudgeWordsOfErrorEvents) {
  const std::pair<Verdict, std::vector<std::string_view>> rows[] = {
      {Verdict::kThrottled,
       {"rate_limit_exceeded", "rate_limit_error", "RESOURCE_EXHAUSTED", "throttlingException",
        "ThrottlingException"}},
      {Verdict::kQuotaExhausted, {"insufficient_quota", "billing_error"}},
      {Verdict::kOverloaded,
       {"overloaded_error", "server_is_overloaded", "service_unavailable_error",
        "serviceUnavailableException", "UNAVAILABLE"}},
      {Verdict::kTimeout, {"timeout_error", "modelTimeoutException"}},
      {Verdict::kAuth, {"authentication_error", "permission_error"}},
      {Verdict::kClientError,
       {"invalid_request_error", "not_found_error", "request_too_large", "context_length_exceeded",
        "INVALID_ARGUMENT", "validationException"}},
      {Verdict::kContentPolicy, {"invalid_prompt", "content_filter", "content_policy_violation"}},
  };
  for (const auto& [verdict, words] : rows) {
    for (const std::string_view word : words) {
      const std::optional<BuiltIn> judged = judge_word(word);
      ASSERT_TRUE(judged) << word;
      EXPECT_EQ(judged->verdict, verdict) << word;
    }
  }
  for (const std::string_view word : {"", "api_error", "overloaded"}) {
    EXPECT_FALSE(judge_word(word)) << word;
  }
}

TEST(BuiltInRules, JudgeGrpcStatuses) {
  constexpr Verdict kExpected[] = {
      Verdict::kOk,          Verdict::kTransient,   Verdict::kTransient,   Verdict::kClientError,
      Verdict::kTimeout,     Verdict::kClientError, Verdict::kClientError, Verdict::kAuth,
      Verdict::kThrottled,   Verdict::kClientError, Verdict::kTransient,   Verdict::kClientError,
      Verdict::kClientError, Verdict::kTransient,   Verdict::kTransient,   Verdict::kTransient,
      Verdict::kAuth};
  for (std::size_t code = 0; code < std::size(kExpected); ++code) {
    const auto says = judge_grpc(std::to_string(code));
    ASSERT_TRUE(says) << code;
    EXPECT_EQ(to_string(says->verdict), to_string(kExpected[code])) << code;
  }
  for (const std::string_view text : {"17", "-1", "x", "", "1x"}) {
    EXPECT_FALSE(judge_grpc(text)) << text;
    EXPECT_EQ(grpc_name(text), "") << text;
  }
  EXPECT_EQ(grpc_name("8"), "RESOURCE_EXHAUSTED");
}

}  // namespace
}  // namespace outrigger::filters
