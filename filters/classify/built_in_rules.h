// What the classifier says where no rule of the route matches. Pure tables: transport failures by
// what broke and how far the attempt got, statuses, gRPC statuses, words of error events
// (resilience 1.2, 3 item 4; llm 2.4). `because` is always a literal for people.
#pragma once

#include <optional>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/base/verdict.h"
#include "proxy/http/headers.h"

namespace outrigger::filters {

struct BuiltIn {
  Verdict verdict = Verdict::kOk;
  std::string_view because;
};

// The client left, or we ended the attempt ourselves: nothing was learnt of the upstream.
[[nodiscard]] bool nobody_waits(const Error& failure) noexcept;

// An attempt without a whole answer.
[[nodiscard]] BuiltIn judge_failure(const Error& failure) noexcept;
// A whole 2xx that is none: the words of Evidence::defect.
[[nodiscard]] BuiltIn judge_defect(std::string_view defect) noexcept;
[[nodiscard]] BuiltIn judge_status(int status) noexcept;
// The value of grpc-status in the head of a gRPC answer; empty without one.
[[nodiscard]] std::string_view grpc_status(const http::Headers& headers) noexcept;
// The codes 0 to 16 of gRPC; nothing for a text that is none.
[[nodiscard]] std::optional<BuiltIn> judge_grpc(std::string_view grpc_status) noexcept;
// "RESOURCE_EXHAUSTED" for "8"; empty for a text that is no code.
[[nodiscard]] std::string_view grpc_name(std::string_view grpc_status) noexcept;
// The code or type in an error event, which has no status; without case. Nothing for others.
[[nodiscard]] std::optional<BuiltIn> judge_word(std::string_view error) noexcept;

}  // namespace outrigger::filters
