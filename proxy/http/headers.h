// An ordered list of header fields, as received. Names of well-known fields compare as integers.
// The text of parsed fields lives in the message's head buffer; text that we add lives in the
// list's own arena, so a field's views stay valid as long as the list. One worker thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/bytes.h"

namespace outrigger::http {

// Fields that the proxy itself looks at. Anything else is kOther and compares by text.
enum class HeaderId : std::uint8_t {
  kOther,
  kAccept,
  kAcceptEncoding,
  kAltSvc,
  kApiKey,
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
  kRequestId,
  kRetryAfter,
  kServer,
  kTe,
  kTrailer,
  kTransferEncoding,
  kUpgrade,
  kUserAgent,
  kVia,
  kXAccelBuffering,
  kXApiKey,
  kXForwardedFor,
  kXGoogApiKey,
  kXRequestId,
  kXStainlessReadTimeout,
  kXStainlessRetryCount,
  kXStainlessTimeout,
  kTraceparent,
  kTracestate,
};

// Case-insensitive; O(1): a switch on length, then one compare.
HeaderId header_id(std::string_view name) noexcept;
// True for `outrigger-` names: ours, stripped before upstream.
bool is_own_header(std::string_view name) noexcept;
bool equals_ignore_case(std::string_view a, std::string_view b) noexcept;
bool starts_ignoring_case(std::string_view text, std::string_view beginning) noexcept;

// Whether a parser of ours has held a field against the grammar: the serialiser need not do it
// again.
enum class Grammar : std::uint8_t { kUnchecked, kChecked };

struct Field {
  std::string_view name;   // as received; lower case on h2
  std::string_view value;  // trimmed
  HeaderId id = HeaderId::kOther;
  Grammar grammar = Grammar::kUnchecked;
};

// One pointer wide, because a list moves through every layer of the proxy; what it points to is
// pooled with its capacity, so that a list in use allocates nothing.
class Headers {
 public:
  Headers() = default;
  Headers(Headers&& other) noexcept : store_(std::exchange(other.store_, nullptr)) {}
  Headers& operator=(Headers&& other) noexcept {
    std::swap(store_, other.store_);
    return *this;
  }
  Headers(const Headers& other);  // deep: text is copied
  Headers& operator=(const Headers& other);
  ~Headers() {
    if (store_ != nullptr) give(store_);
  }

  // Takes a field whose text outlives the list (a literal, or bytes kept by `keep`).
  void add_view(HeaderId id, std::string_view name, std::string_view value,
                Grammar grammar = Grammar::kUnchecked) {
    store().fields.push_back({name, value, id, grammar});
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

  [[nodiscard]] std::size_t size() const noexcept {
    return store_ == nullptr ? 0 : store_->fields.size();
  }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }
  [[nodiscard]] const Field* begin() const noexcept {
    return store_ == nullptr ? nullptr : store_->fields.data();
  }
  [[nodiscard]] const Field* end() const noexcept { return begin() + size(); }
  [[nodiscard]] std::vector<Field>& fields() { return store().fields; }
  void reserve(std::size_t n) { store().fields.reserve(n); }
  void clear() noexcept;

  // Keeps the bytes that the views point into alive as long as the list.
  void keep(Slice bytes) { store().kept = std::move(bytes); }
  // Copies text into the arena and returns the stable copy; two texts become one.
  std::string_view intern(std::string_view text, std::string_view second = {});

 private:
  struct Store {
    std::vector<Field> fields;
    Slice kept;
    std::vector<Slice> arena;    // chunks; the last one has room
    std::size_t arena_used = 0;  // of the last chunk
    Store* next = nullptr;       // in the pool
    void clear() noexcept;
    void add_chunk(std::size_t least);
  };
  class Pool;
  static Store* take();
  static void give(Store* store) noexcept;
  Store& store() {
    if (store_ == nullptr) store_ = take();
    return *store_;
  }

  Store* store_ = nullptr;  // null: empty
};

}  // namespace outrigger::http
