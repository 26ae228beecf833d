// The cooldowns and exhausted quotas that outlive a restart, as records of the store, and the key
// of the hash by which they name credentials (proxy/store/FORMAT.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "filters/intake/siphash.h"
#include "filters/retry/cooldowns.h"
#include "proxy/base/result.h"
#include "proxy/store/store.h"

namespace outrigger::filters {

[[nodiscard]] std::string cooldown_record_key(const CooldownKey& key);
[[nodiscard]] std::string cooldown_record_value(const SavedCooldown& saved);
// Nothing when it is no such record.
[[nodiscard]] std::optional<SavedCooldown> parse_cooldown_record(std::string_view key,
                                                                 std::string_view value);

// What makes of the records `before` those of `now`.
[[nodiscard]] store::Batch cooldown_changes(const std::vector<SavedCooldown>& before,
                                            const std::vector<SavedCooldown>& now);

// All of the store; records that are none of ours are passed over. Errors of Store::scan.
[[nodiscard]] Result<std::vector<SavedCooldown>> load_cooldowns(const store::Store& store);

// The key by which credentials are hashed; nothing where the store has none, and then what it holds
// of them is of no use. Errors of Store::get.
[[nodiscard]] Result<std::optional<SipKey>> load_credential_key(const store::Store& store);
void put_credential_key(store::Batch& batch, const SipKey& key);

}  // namespace outrigger::filters
