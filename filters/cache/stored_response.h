// An entry as an answer. Nothing of it is copied: fields and bytes are sent from where they lie, on
// whatever worker, and the entry lives as long as anybody has them.
#pragma once

#include "config/cache_policies.h"
#include "filters/cache/entry.h"
#include "proxy/http/message.h"
#include "proxy/runtime/dispatcher.h"

namespace outrigger::filters {

// The stored head, without a body.
[[nodiscard]] http::ResponseHead head_of(const CacheEntryPtr& entry);
// The stored body, or `size` bytes of it from `from` on, which are there.
[[nodiscard]] http::Body body_of(const CacheEntryPtr& entry);
[[nodiscard]] http::Body body_of(const CacheEntryPtr& entry, std::uint64_t from,
                                 std::uint64_t size);
// The stored body event by event, each as long after this call as it came after the head.
[[nodiscard]] http::Body paced_body_of(const CacheEntryPtr& entry, Dispatcher& loop);

// RFC 9111 5.1; in whole seconds.
void add_age(http::Headers& headers, Duration age);

}  // namespace outrigger::filters
