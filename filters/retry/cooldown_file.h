// The cooldowns and exhausted quotas that outlive a restart, in one small file. Blocks: for the
// supervisor's thread, never a loop.
//
// Format: {"version":1,"cooldowns":[{"upstream":"openai","model":"","credential":"<16 hex>",
// "verdict":"quota_exhausted","until_ms":1769903999000}]}; `credential` is a keyed hash, whose key
// lies beside it (load_credential_key), never a credential. Unknown members are an error.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "filters/intake/siphash.h"
#include "filters/retry/cooldowns.h"
#include "proxy/base/log.h"
#include "proxy/base/result.h"

namespace outrigger::filters {

// Nothing when the text is not exactly of the format above.
[[nodiscard]] std::optional<std::vector<SavedCooldown>> parse_cooldowns(std::string_view text);
[[nodiscard]] std::string print_cooldowns(const std::vector<SavedCooldown>& saved);

// What the file holds; nothing when there is none. A broken one is moved aside to `<path>.broken`
// with a line in the log.
[[nodiscard]] std::vector<SavedCooldown> load_cooldowns(const std::string& path, Logger& log);

// Replaces the file as a whole: after a crash there is the old one or the new one. Error: kSystem.
[[nodiscard]] Status save_cooldowns(const std::string& path,
                                    const std::vector<SavedCooldown>& saved);

// The key by which credentials are hashed, in a file that only its owner can read; nothing when
// there is none or it is broken: what was kept under a lost key is of no use.
[[nodiscard]] std::optional<SipKey> load_credential_key(const std::string& path);
[[nodiscard]] Status save_credential_key(const std::string& path, const SipKey& key);

}  // namespace outrigger::filters
