// An ordered list of header fields, as received. Names of well-known fields compare as integers.
// The text of parsed fields lives in the message's head buffer; text that we add lives in the
// list's own arena, so a field's views stay valid as long as the list. One worker thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "proxy/base/bytes.h"

namespace outrigger::http {

// Fields that the proxy itself looks at. Anything else is kOther and compares by text.
enum class HeaderId : std::uint8_t {
  kOther,
  kAccept,
  kAcceptEncoding,
  kAltSvc,
  kAuthorization,
  kCacheControl,
  kConnection,
  kContentEncoding,
  kContentLength,
  kContentType,
  kCookie,
  kDate,
  kExpect,
  kForwarded,
  kGrpcTimeout,
  kHost,
  kHttp2Settings,
  kIdempotencyKey,
  kKeepAlive,
  kLocation,
  kPrefer,
  kProxyAuthenticate,
  kProxyAuthorization,
  kProxyConnection,
  kProxyStatus,
  kRetryAfter,
  kServer,
  kTe,
  kTrailer,
  kTransferEncoding,
  kUpgrade,
  kUserAgent,
  kVia,
  kXApiKey,
  kXForwardedFor,
  kXRequestId,
  kTraceparent,
  kTracestate,
};

// Case-insensitive; O(1): a switch on length, then one compare.
HeaderId header_id(std::string_view name) noexcept;
// True for `outrigger-` names: ours, stripped before upstream.
bool is_own_header(std::string_view name) noexcept;
bool equals_ignore_case(std::string_view a, std::string_view b) noexcept;

struct Field {
  std::string_view name;   // as received; lower case on h2
  std::string_view value;  // trimmed
  HeaderId id = HeaderId::kOther;
};

class Headers {
 public:
  Headers() = default;
  Headers(Headers&&) noexcept = default;
  Headers& operator=(Headers&&) noexcept = default;
  Headers(const Headers& other);  // deep: text is copied
  Headers& operator=(const Headers& other);

  // Takes a field whose text outlives the list (a literal, or bytes kept by `keep`).
  void add_view(HeaderId id, std::string_view name, std::string_view value) {
    fields_.push_back({name, value, id});
  }
  // Copies both into the arena.
  void add(std::string_view name, std::string_view value);
  // Replaces every field of that name, or adds one.
  void set(std::string_view name, std::string_view value);
  void remove(HeaderId id) noexcept;
  void remove(std::string_view name) noexcept;

  // First field of that id or name; nullptr when absent. Never joins values (architecture 9.6).
  [[nodiscard]] const Field* find(HeaderId id) const noexcept;
  [[nodiscard]] const Field* find(std::string_view name) const noexcept;
  [[nodiscard]] std::string_view get(HeaderId id) const noexcept {
    const Field* field = find(id);
    return field == nullptr ? std::string_view{} : field->value;
  }
  [[nodiscard]] std::size_t count(HeaderId id) const noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return fields_.size(); }
  [[nodiscard]] bool empty() const noexcept { return fields_.empty(); }
  [[nodiscard]] auto begin() const noexcept { return fields_.begin(); }
  [[nodiscard]] auto end() const noexcept { return fields_.end(); }
  [[nodiscard]] std::vector<Field>& fields() noexcept { return fields_; }
  void reserve(std::size_t n) { fields_.reserve(n); }
  void clear() noexcept;

  // Keeps the bytes that the views point into alive as long as the list.
  void keep(Slice bytes) { kept_ = std::move(bytes); }
  // Copies text into the arena and returns the stable copy; two texts become one.
  std::string_view intern(std::string_view text, std::string_view second = {});

 private:
  void add_chunk(std::size_t least);

  std::vector<Field> fields_;
  Slice kept_;
  std::vector<Slice> arena_;    // chunks; the last one has room
  std::size_t arena_used_ = 0;  // of the last chunk
};

}  // namespace outrigger::http
