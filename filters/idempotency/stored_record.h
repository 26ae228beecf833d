// A record as it lies in the store, with what it stands for: the request's fingerprint and the
// answer (proxy/store/FORMAT.md). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "filters/idempotency/record.h"
#include "filters/idempotency/reply.h"
#include "filters/recording/recording.h"

namespace outrigger::filters {

// The answer of a completed record. A short body stands in the record, a longer one in chunks.
struct StoredAnswer {
  StoredHead head;
  std::uint64_t length = 0;  // of the body
  std::string body;          // where it is short
  std::string blob;          // else: 16 bytes that name its chunks
  bool kept = true;          // false: it was too long to be kept
  std::vector<StoredField> trailers = {};

  static constexpr std::size_t kInline = 32 * 1024;
  static constexpr std::size_t kChunk = 48 * 1024;
  [[nodiscard]] std::uint32_t chunks() const noexcept {
    return blob.empty() ? 0 : static_cast<std::uint32_t>((length + kChunk - 1) / kChunk);
  }
};

struct StoredRecord {
  Record record;
  Fingerprint fingerprint;
  std::int64_t remember_ms = 0;  // after the answer has gone
  std::string request_id;        // of the exchange that executed it last
  std::optional<StoredAnswer> answer;
};

[[nodiscard]] std::string write_record(const StoredRecord& stored);
// Nothing when it is none, or one of a later form.
[[nodiscard]] std::optional<StoredRecord> read_record(std::string_view bytes);

// ---- the names of records; `key` is an owner's tag and a record's id, kRecordKeyBytes ----

inline constexpr std::size_t kRecordKeyBytes = 16 + 32;
[[nodiscard]] std::string record_name(std::string_view key);
// Of a record that a process is at work on.
[[nodiscard]] std::string in_flight_name(std::string_view key);
inline constexpr std::string_view kInFlightPrefix = "f/";
// In the order of their times.
[[nodiscard]] std::string expiry_name(std::int64_t expires_ms, std::string_view key);
inline constexpr std::string_view kExpiryPrefix = "x/";
[[nodiscard]] std::string chunk_name(std::string_view blob, std::uint32_t number);
[[nodiscard]] std::string chunks_prefix(std::string_view blob);
// Parts of an answer that is no more, while somebody reads them.
inline constexpr std::string_view kGarbagePrefix = "g/";
[[nodiscard]] std::string garbage_name(std::string_view blob);

}  // namespace outrigger::filters
