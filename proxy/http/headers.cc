#include "proxy/http/headers.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace outrigger::http {
namespace {

constexpr std::size_t kFirstChunk = 256;
constexpr std::size_t kNextChunk = 1024;

struct KnownName {
  std::string_view text;  // lower case
  HeaderId id;
};

// By length: header_id() looks only at the names as long as its own.
constexpr KnownName kKnown[] = {
    {"te", HeaderId::kTe},
    {"via", HeaderId::kVia},
    {"host", HeaderId::kHost},
    {"date", HeaderId::kDate},
    {"accept", HeaderId::kAccept},
    {"cookie", HeaderId::kCookie},
    {"server", HeaderId::kServer},
    {"expect", HeaderId::kExpect},
    {"prefer", HeaderId::kPrefer},
    {"trailer", HeaderId::kTrailer},
    {"upgrade", HeaderId::kUpgrade},
    {"alt-svc", HeaderId::kAltSvc},
    {"api-key", HeaderId::kApiKey},
    {"location", HeaderId::kLocation},
    {"x-api-key", HeaderId::kXApiKey},
    {"forwarded", HeaderId::kForwarded},
    {"user-agent", HeaderId::kUserAgent},
    {"connection", HeaderId::kConnection},
    {"request-id", HeaderId::kRequestId},
    {"keep-alive", HeaderId::kKeepAlive},
    {"tracestate", HeaderId::kTracestate},
    {"traceparent", HeaderId::kTraceparent},
    {"retry-after", HeaderId::kRetryAfter},
    {"content-type", HeaderId::kContentType},
    {"x-request-id", HeaderId::kXRequestId},
    {"grpc-timeout", HeaderId::kGrpcTimeout},
    {"proxy-status", HeaderId::kProxyStatus},
    {"authorization", HeaderId::kAuthorization},
    {"cache-control", HeaderId::kCacheControl},
    {"content-length", HeaderId::kContentLength},
    {"x-goog-api-key", HeaderId::kXGoogApiKey},
    {"http2-settings", HeaderId::kHttp2Settings},
    {"accept-encoding", HeaderId::kAcceptEncoding},
    {"idempotency-key", HeaderId::kIdempotencyKey},
    {"x-forwarded-for", HeaderId::kXForwardedFor},
    {"content-encoding", HeaderId::kContentEncoding},
    {"proxy-connection", HeaderId::kProxyConnection},
    {"transfer-encoding", HeaderId::kTransferEncoding},
    {"x-accel-buffering", HeaderId::kXAccelBuffering},
    {"proxy-authenticate", HeaderId::kProxyAuthenticate},
    {"proxy-authorization", HeaderId::kProxyAuthorization},
    {"x-stainless-timeout", HeaderId::kXStainlessTimeout},
    {"x-stainless-retry-count", HeaderId::kXStainlessRetryCount},
    {"x-stainless-read-timeout", HeaderId::kXStainlessReadTimeout},
};
constexpr std::size_t kCount = std::size(kKnown);
constexpr std::size_t kLongest = kKnown[kCount - 1].text.size();
static_assert(std::ranges::is_sorted(kKnown, {}, [](const KnownName& n) { return n.text.size(); }));
static_assert(kCount == static_cast<std::size_t>(HeaderId::kTracestate),
              "every HeaderId has its name");

// A name of at most 24 bytes as three words that may overlap.
using Words = std::array<std::uint64_t, 3>;
static_assert(kLongest <= sizeof(Words) && std::endian::native == std::endian::little);

constexpr std::uint64_t load_bytes(const char* text, std::size_t count) noexcept {
  std::uint64_t word = 0;
  if consteval {
    for (std::size_t i = 0; i < count; ++i) {
      word |= std::uint64_t{static_cast<unsigned char>(text[i])} << (8 * i);
    }
  } else {
    std::memcpy(&word, text, count);
  }
  return word;
}

constexpr Words load(const char* text, std::size_t size) noexcept {
  if (size >= 8) {
    return {load_bytes(text, 8), load_bytes(text + std::min<std::size_t>(8, size - 8), 8),
            load_bytes(text + size - 8, 8)};
  }
  if (size >= 4) return {load_bytes(text, 4), load_bytes(text + size - 4, 4), 0};
  if (size >= 2) return {load_bytes(text, 2), load_bytes(text + size - 2, 2), 0};
  return {};
}

// `expected` is the lower-case name; `fold` has the case bit of its letters only, so that no other
// byte can pass for a letter.
struct Folded {
  Words expected;
  Words fold;
};

struct KnownNames {
  std::array<Folded, kCount> names{};
  std::array<std::uint8_t, kLongest + 2> begin{};  // index of the first name of each length

  consteval KnownNames() {
    for (std::size_t i = 0; i < kCount; ++i) {
      char fold[sizeof(Words)] = {};
      const std::string_view text = kKnown[i].text;
      std::ranges::transform(text, fold,
                             [](char c) { return c >= 'a' && c <= 'z' ? '\x20' : '\0'; });
      names[i] = {load(text.data(), text.size()), load(fold, text.size())};
    }
    for (std::size_t size = 0; size < begin.size(); ++size) {
      const auto* first = std::ranges::lower_bound(
          kKnown, size, {}, [](const KnownName& n) { return n.text.size(); });
      begin[size] = static_cast<std::uint8_t>(first - kKnown);
    }
  }
};
constexpr KnownNames kNames;

char lower(char byte) noexcept {
  return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte | 0x20) : byte;
}

bool is_named(const Field& field, HeaderId id, std::string_view name) noexcept {
  return field.id == id && (id != HeaderId::kOther || equals_ignore_case(field.name, name));
}

}  // namespace

HeaderId header_id(std::string_view name) noexcept {
  if (name.size() > kLongest || name.size() < 2) return HeaderId::kOther;
  const Words words = load(name.data(), name.size());
  const std::size_t end = kNames.begin[name.size() + 1];
  for (std::size_t i = kNames.begin[name.size()]; i < end; ++i) {
    const auto& [expected, fold] = kNames.names[i];
    const std::uint64_t difference = ((words[0] | fold[0]) ^ expected[0]) |
                                     ((words[1] | fold[1]) ^ expected[1]) |
                                     ((words[2] | fold[2]) ^ expected[2]);
    if (difference == 0) return kKnown[i].id;
  }
  return HeaderId::kOther;
}

bool is_own_header(std::string_view name) noexcept {
  constexpr std::string_view kPrefix = "outrigger-";
  return name.size() > kPrefix.size() &&
         equals_ignore_case(name.substr(0, kPrefix.size()), kPrefix);
}

bool equals_ignore_case(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

bool starts_ignoring_case(std::string_view text, std::string_view beginning) noexcept {
  return text.size() >= beginning.size() &&
         equals_ignore_case(text.substr(0, beginning.size()), beginning);
}

// Stores of this thread that are free, with the capacity they have grown to.
class Headers::Pool {
 public:
  static Store* take() {
    if (free_ == nullptr) return make();
    --count_;
    return std::exchange(free_, free_->next);
  }
  static void give(Store* store) noexcept {
    if (!kPooled || count_ == kMost || store->fields.capacity() > kMostFields) {
      delete store;
      return;
    }
    store->clear();
    store->next = std::exchange(free_, store);
    ++count_;
  }

 private:
  struct Sweeper {
    ~Sweeper() {
      while (free_ != nullptr) delete std::exchange(free_, free_->next);
    }
  };
  static Store* make() {
    static thread_local Sweeper sweeper;
    (void)sweeper;
    return new Store;
  }
  static constexpr std::size_t kMost = 1024;
  static constexpr std::size_t kMostFields = 128;
#if defined(__has_feature)
  static constexpr bool kPooled = !__has_feature(address_sanitizer);
#else
  static constexpr bool kPooled = true;
#endif
  static constinit thread_local Store* free_;
  static constinit thread_local std::size_t count_;
};

constinit thread_local Headers::Store* Headers::Pool::free_ = nullptr;
constinit thread_local std::size_t Headers::Pool::count_ = 0;

Headers::Store* Headers::take() {
  return Pool::take();
}

void Headers::give(Store* store) noexcept {
  Pool::give(store);
}

void Headers::Store::clear() noexcept {
  fields.clear();
  arena.clear();
  arena_used = 0;
  kept = {};
}

void Headers::Store::add_chunk(std::size_t least) {
  Block* block = Block::make(std::max(least, arena.empty() ? kFirstChunk : kNextChunk));
  arena.emplace_back(block, block->data(), block->capacity());
  arena_used = 0;
}

Headers::Headers(const Headers& other) {
  *this = other;
}

Headers& Headers::operator=(const Headers& other) {
  if (this == &other) return *this;
  clear();
  std::size_t text = 0;
  for (const Field& field : other) text += field.name.size() + field.value.size();
  if (text != 0) store().add_chunk(text);
  reserve(other.size());
  for (const Field& field : other) {
    add_view(field.id, intern(field.name), intern(field.value), field.grammar);
  }
  return *this;
}

void Headers::add(std::string_view name, std::string_view value) {
  const HeaderId id = header_id(name);
  const std::string_view kept_name = intern(name);
  add_view(id, kept_name, intern(value));
}

void Headers::set(std::string_view name, std::string_view value) {
  const HeaderId id = header_id(name);
  const auto same = [&](const Field& field) { return is_named(field, id, name); };
  std::vector<Field>& all = fields();
  const auto first = std::ranges::find_if(all, same);
  if (first == all.end()) return add(name, value);
  first->value = intern(value);
  first->grammar = Grammar::kUnchecked;
  all.erase(std::remove_if(first + 1, all.end(), same), all.end());
}

void Headers::remove(HeaderId id) noexcept {
  if (store_ == nullptr) return;
  std::erase_if(store_->fields, [id](const Field& field) { return field.id == id; });
}

void Headers::remove(std::string_view name) noexcept {
  if (store_ == nullptr) return;
  const HeaderId id = header_id(name);
  std::erase_if(store_->fields, [&](const Field& field) { return is_named(field, id, name); });
}

const Field* Headers::find(HeaderId id) const noexcept {
  for (const Field& field : *this) {
    if (field.id == id) return &field;
  }
  return nullptr;
}

const Field* Headers::find(std::string_view name) const noexcept {
  const HeaderId id = header_id(name);
  for (const Field& field : *this) {
    if (is_named(field, id, name)) return &field;
  }
  return nullptr;
}

std::size_t Headers::count(HeaderId id) const noexcept {
  return static_cast<std::size_t>(std::ranges::count(begin(), end(), id, &Field::id));
}

void Headers::clear() noexcept {
  if (store_ != nullptr) store_->clear();
}

std::string_view Headers::intern(std::string_view text, std::string_view second) {
  const std::size_t size = text.size() + second.size();
  if (size == 0) return {};
  Store& at_hand = store();
  if (at_hand.arena.empty() || at_hand.arena.back().size() - at_hand.arena_used < size) {
    at_hand.add_chunk(size);
  }
  char* at = at_hand.arena.back().block()->data() + at_hand.arena_used;
  text.copy(at, text.size());
  second.copy(at + text.size(), second.size());
  at_hand.arena_used += size;
  return {at, size};
}

}  // namespace outrigger::http
