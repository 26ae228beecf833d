// The key as the upstream is told it (durability 3 item 15). Pure.
#pragma once

#include <cstdint>
#include <string>

#include "config/policies.h"
#include "filters/digest/digest.h"
#include "filters/idempotency/record_id.h"
#include "filters/idempotency/request_key.h"

namespace outrigger::filters {

enum class KeyText : std::uint8_t { kAsItIs, kHashed };

// The client's own text where that may and can be told as it is, else a hash of the record and the
// generation in lower-case letters and digits: the same after every crash, another one for each
// edited resubmission, which the upstream would refuse under the key of what was sent before. At
// most max_length characters, and never empty.
[[nodiscard]] std::string upstream_key(StoreKey store_key, const RecordId& id,
                                       const RequestKey& key, std::uint32_t generation,
                                       const config::UpstreamKey& policy,
                                       KeyText text = KeyText::kAsItIs);

}  // namespace outrigger::filters
