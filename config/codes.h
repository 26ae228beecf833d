// The table of configuration codes: one row gives the diagnostics, `outrigger explain` and the
// docs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace outrigger::config {

// The number is part of the interface: a code is never renumbered or used again for something else.
enum class Code : std::uint16_t {
  kUnreadableFile = 101,
  kSyntax = 102,
  kNotUsed = 103,
  kAmbiguousWord = 104,
  kDuplicateKey = 105,
  kBounds = 106,
  kVersion = 107,
  kUnknownKey = 110,
  kReservedKey = 111,
  kMissingKey = 112,
  kConflict = 113,
  kWrongShape = 120,
  kDuration = 121,
  kSize = 122,
  kNumber = 123,
  kBoolean = 124,
  kWord = 125,
  kText = 126,
  kRange = 127,
  kPercent = 128,
  kDecimal = 129,
  kUrl = 130,
  kListenAddress = 131,
  kHost = 132,
  kPath = 133,
  kNetwork = 134,
  kMethod = 135,
  kName = 136,
  kPointer = 137,
  kStatus = 138,
  kMatch = 139,
  kRate = 143,
  kJson = 144,
  kVariable = 140,
  kSecretFile = 141,
  kCertificate = 142,
  kUnknownProfile = 150,
  kProfileCycle = 151,
  kUnknownUpstream = 152,
  kSameMatch = 160,
  kUnreachableRoute = 161,
  kListenCollision = 162,
  kNothingServed = 163,
  kInconsistent = 164,
  kRule = 165,
  kUnreachableRule = 166,
  kNeverOpens = 167,
  kVerdict = 168,
  kUnreachableFallback = 169,
  kPlainText = 180,
  kUnsafe = 181,
  kSuspicious = 182,
};

struct CodeInfo {
  Code code;
  std::string_view title;
  std::string_view explanation;  // what is wrong and why it is refused
  std::string_view mend;         // what to do
};

std::span<const CodeInfo> codes() noexcept;

// "OUT-121", in any case, also without "OUT-"; nullptr when there is no such code.
const CodeInfo* find_code(std::string_view text) noexcept;

std::string to_string(Code code);

}  // namespace outrigger::config
