// Why an answer to a prompt is not kept: closed, for Cache-Status (RFC 9211 2.8) and `explain`.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace outrigger::filters {

enum class AnswerBar : std::uint8_t {
  kStatus,      // not 200
  kType,        // neither JSON nor the stream of its provider
  kCoded,       // compressed: nobody looked into it
  kMalformed,   // no JSON, or none that can be told of
  kTruncated,   // a stream without its end
  kError,       // it tells of one
  kUnfinished,  // it ended at a limit, it goes on later, or for a reason that nobody knows
  kFiltered,    // the provider held something back
  kRefusal,     // the model's word that it will not
  kToolCalls,   // and the policy does not say `tool_calls`
  kBrokenCall,  // a call with arguments that are no JSON object
  kServerTool,  // the provider looked something up, or ran something
  kEmpty        // it says nothing
};
inline constexpr std::array<std::string_view, 13> kAnswerBars = {
    "status",   "content_type", "coded_answer", "malformed",   "truncated",   "error", "unfinished",
    "filtered", "refusal",      "tool_calls",   "broken_call", "server_tool", "empty"};
constexpr std::string_view to_string(AnswerBar bar) noexcept {
  return kAnswerBars[static_cast<std::size_t>(bar)];
}

}  // namespace outrigger::filters
