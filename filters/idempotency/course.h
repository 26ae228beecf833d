// What the attempts of one execution mean for the record of its key: the events that bring the
// record from where it stands to a next sending, or to the execution's end. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "filters/exchange.h"
#include "filters/idempotency/record.h"

namespace outrigger::filters {

// What is known of a sending that did not bring an answer which is kept.
enum class Fate : std::uint8_t {
  kUnexecuted,  // by the connection's proof or the upstream's word
  kRefused,     // an answer, which does not say whether anything was done
  kLost,        // no answer, or half of one
};
[[nodiscard]] Fate fate_of(const Attempt& attempt) noexcept;
// The worst of them; kUnexecuted when there were none. Probes do not count.
[[nodiscard]] Fate fate_of(std::span<const Attempt> attempts) noexcept;

// Before a sending that follows `attempts`, those since the record's last one; `now_ms` is the wall
// clock at the loop's `now`.
[[nodiscard]] std::vector<Occurrence> events_before_send(const Record& record,
                                                         std::span<const Attempt> attempts,
                                                         TimePoint now, std::int64_t now_ms);

enum class ExecutionEnd : std::uint8_t {
  kKept,    // an answer that is the key's from now on
  kFound,   // a probe's answer is
  kFailed,  // none, or one that is not kept: what the attempts were decides
};
[[nodiscard]] std::vector<Occurrence> events_at_end(const Record& record, ExecutionEnd ending,
                                                    std::span<const Attempt> attempts,
                                                    TimePoint now, std::int64_t now_ms);

// Whether an answer of that verdict and status, whole, is the key's (durability 4.6): successes,
// and errors that the same request would meet again.
[[nodiscard]] bool is_kept(Verdict verdict, int status) noexcept;

}  // namespace outrigger::filters
