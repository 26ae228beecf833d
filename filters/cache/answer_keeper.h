// What a fill asks of those who know what may be kept: one for pages (RFC 9111), one for answers to
// prompts. One an answer.
#pragma once

#include <optional>
#include <string_view>

#include "filters/cache/entry.h"
#include "filters/cache/flights.h"
#include "filters/exchange.h"

namespace outrigger::filters {

class AnswerKeeper {
 public:
  virtual ~AnswerKeeper() = default;

  enum class Take : std::uint8_t {
    kNothing,  // it passes, and is not kept
    kBody,     // its bytes are to be kept for finish()
  };
  // The answer's head has come. Says in `flight` who may have it; with `flight.entry` set the
  // answer's own bytes are nobody's.
  virtual Take begin(Exchange& exchange, const http::Response& response, Flight& flight) = 0;
  // Of kBody: the next of its bytes, of which the first stands at `offset`.
  virtual void see(std::string_view bytes, std::uint64_t offset) = 0;

  struct Kept {
    CacheKey key;
    CacheEntry entry;  // without its body
  };
  // Of kBody: it is whole. Nothing: it is not to be kept after all.
  virtual std::optional<Kept> finish(Exchange& exchange) = 0;
  // What may be given when nothing better comes; nullptr: nothing.
  [[nodiscard]] virtual StaleAnswer* stale() noexcept = 0;
};

}  // namespace outrigger::filters
