// The key of an answer to POST: a hash of all that its answer depends on (durability 3 item 20).
// Whatever a provider invents tomorrow counts too: nothing of the body is left out but by name.
// Pure; for any bytes.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

#include "config/cache_policies.h"
#include "filters/cache/entry.h"
#include "filters/cache/prompt_bar.h"
#include "proxy/http/message.h"

namespace outrigger::filters {

// What of a key is not in the request.
struct PromptPlace {
  std::string_view upstream;  // its name
  std::string_view owner;     // whose entries these are; any text that tells owners apart
  std::uint32_t sample = 0;   // which of the answers to one prompt
};

// `policy.ignore` cannot leave out whether a stream is wanted. Errors: kCoded, kNotJson (by its
// Content-Type), kTooLarge, kAmbiguous (canonical_json).
[[nodiscard]] std::expected<CacheKey, PromptBar> prompt_key(const http::RequestHead& head,
                                                            std::string_view body,
                                                            const config::Cache& policy,
                                                            const PromptPlace& place);

}  // namespace outrigger::filters
