// Why a POST is neither answered from the cache nor its answer kept: closed, for Cache-Status
// (RFC 9211 2.8) and `explain`.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace outrigger::filters {

enum class PromptBar : std::uint8_t {
  kOff,          // the policy keeps no answers to POST
  kMethod,       // no POST
  kPath,         // none of the provider's calls that do nothing but answer
  kCoded,        // the body is compressed
  kNotJson,      // or JSON that is malformed
  kTooLarge,     // to be read for it
  kAmbiguous,    // JSON that two readers might understand in two ways: it has no key
  kCondition,    // `if_json`
  kServerState,  // it continues or names what the provider keeps, and may change
  kFile,         // likewise: a file, a store of them, an object in a bucket
  kUrl,          // what is behind it may change
  kServerTool,   // the provider looks something up, or runs something
  kToolCalls     // it tells of calls of tools, and the policy does not say `tool_calls`
};
inline constexpr std::array<std::string_view, 13> kPromptBars = {
    "off",       "method",      "not_inference", "coded_body",   "not_json",
    "too_large", "ambiguous",   "if_json",       "server_state", "file",
    "url",       "server_tool", "tool_calls"};
constexpr std::string_view to_string(PromptBar bar) noexcept {
  return kPromptBars[static_cast<std::size_t>(bar)];
}

// A longer body is not looked into.
inline constexpr std::size_t kLargestPrompt = 8 * 1024 * 1024;

}  // namespace outrigger::filters
