// An answer as the cache keeps it. Immutable once it is made, so all threads share one; its bytes
// go to clients from where they lie. What RFC 9111 asks of it on each use is worked out when it is
// made.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "filters/digest/digest.h"
#include "filters/limits/limit_core.h"
#include "filters/recording/stored_head.h"
#include "proxy/base/duration.h"

namespace outrigger::filters {

// A hash of all that must be equal for two requests to share an answer.
using CacheKey = Digest;

// Of a stored answer to GET (RFC 9111). Times of day are microseconds since 1970.
struct PageFacts {
  std::int64_t received_us = 0;                   // when its head came
  Duration age_then{0};                           // corrected_initial_age, 4.2.3
  Duration lifetime{0};                           // 4.2.1; below zero: it was stale before it came
  bool heuristic = false;                         // the lifetime is a guess, 4.2.2
  bool always_validate = false;                   // no-cache, 5.2.2.4
  bool must_revalidate = false;                   // or proxy-revalidate or s-maxage: never stale
  std::optional<Duration> while_revalidate = {};  // RFC 5861 3
  std::optional<Duration> if_error = {};          // RFC 5861 4
  bool operator==(const PageFacts&) const = default;
};

// What an answer to a prompt cost, and so what another use of it saves.
struct PromptFacts {
  std::optional<TokenUsage> usage = {};
  bool operator==(const PromptFacts&) const = default;
};

// An event of a stream ended at that byte, so long after the stream's head.
struct EventMark {
  std::uint32_t end = 0;
  std::uint32_t after_ms = 0;
  bool operator==(const EventMark&) const = default;
};

struct CacheEntry {
  enum class Kind : std::uint8_t {
    kPage,      // an answer to GET
    kPrompt,    // an answer to POST
    kVariants,  // no answer: what tells the answers to one URL apart
  };
  // Pieces of a body are this long, but for the last: so large is a value of the database at most.
  static constexpr std::size_t kPiece = 48 * 1024;

  Kind kind = Kind::kPage;
  std::string upstream;            // its name
  std::string model;               // of kPrompt, where it is known
  std::vector<std::string> tags;   // by which people purge
  std::int64_t stored_us = 0;      // time of day
  std::int64_t expires_us = 0;     // fresh until then; of kPage only what a list of entries shows
  std::int64_t keep_until_us = 0;  // of no use to anybody from then on
  StoredHead head;
  std::vector<std::string> body;
  std::vector<EventMark> events;  // of a stream, in order
  PageFacts page;
  PromptFacts prompt;
  // Of kVariants: the names of request fields, lower case, in order (Vary), and what distinguishes
  // the answers of before and after the URL was invalidated.
  std::vector<std::string> vary;
  std::uint64_t epoch = 0;

  [[nodiscard]] std::uint64_t body_bytes() const noexcept;
  // What it takes in memory, about.
  [[nodiscard]] std::uint64_t weight() const noexcept;
  bool operator==(const CacheEntry&) const = default;
};

using CacheEntryPtr = std::shared_ptr<const CacheEntry>;

}  // namespace outrigger::filters
