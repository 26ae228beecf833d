#include "filters/cache/entry_codec.h"

#include <algorithm>
#include <concepts>
#include <cstring>
#include <type_traits>
#include <utility>

namespace outrigger::filters {
namespace {

// ---- what is kept: the names stand for all members, which the compiler counts ----

template <class T, class Of>
concept Some = std::same_as<std::remove_const_t<T>, Of>;

void fields(auto& archive, Some<PageFacts> auto& page) {
  auto& [received, age, lifetime, heuristic, validate, must, revalidate, error] = page;
  archive(received, age, lifetime, heuristic, validate, must, revalidate, error);
}
void fields(auto& archive, Some<PromptFacts> auto& prompt) {
  auto& [usage] = prompt;
  archive(usage);
}
void fields(auto& archive, Some<TokenUsage> auto& usage) {
  auto& [input, output] = usage;
  archive(input, output);
}
void fields(auto& archive, Some<EventMark> auto& event) {
  auto& [end, after] = event;
  archive(end, after);
}
void fields(auto& archive, Some<StoredField> auto& field) {
  auto& [name, value] = field;
  archive(name, value);
}
void fields(auto& archive, Some<StoredHead> auto& head) {
  auto& [status, list, length] = head;
  archive(status, list, length);
}
// The body comes last, as it is.
void fields(auto& archive, Some<CacheEntry> auto& entry) {
  auto& [kind, upstream, model, tags, stored, expires, keep, head, body, events, page, prompt, vary,
         epoch] = entry;
  archive(kind, upstream, model, tags, stored, expires, keep, head, events, page, prompt, vary,
          epoch);
  archive.body(body);
}

// ---- how ----

template <class T>
constexpr bool kIsList = false;
template <class T>
constexpr bool kIsList<std::vector<T>> = true;
template <class T>
constexpr bool kIsOptional = false;
template <class T>
constexpr bool kIsOptional<std::optional<T>> = true;

// Numbers are big-endian; before a text or a list stands its size, before what may be missing
// whether it is there.
class Writer {
 public:
  void operator()(const auto&... values) { (write(values), ...); }
  void body(const std::vector<std::string>& pieces) {
    for (const std::string& piece : pieces) out_ += piece;
  }
  [[nodiscard]] std::string take() && { return std::move(out_); }
  void reserve(std::size_t size) { out_.reserve(size); }

 private:
  void number(std::unsigned_integral auto value) {
    for (int shift = static_cast<int>(sizeof value) * 8 - 8; shift >= 0; shift -= 8) {
      out_ += static_cast<char>(value >> shift);
    }
  }
  void size(std::size_t count) { number(static_cast<std::uint32_t>(count)); }

  template <class T>
  void write(const T& value) {
    if constexpr (std::same_as<T, bool>) {
      out_ += value ? '\1' : '\0';
    } else if constexpr (std::integral<T>) {
      number(static_cast<std::make_unsigned_t<T>>(value));
    } else if constexpr (std::is_enum_v<T>) {
      number(std::to_underlying(value));
    } else if constexpr (std::same_as<T, Duration>) {
      write(std::int64_t{value.count()});
    } else if constexpr (std::same_as<T, std::string>) {
      size(value.size());
      out_ += value;
    } else if constexpr (kIsList<T>) {
      size(value.size());
      for (const auto& one : value) write(one);
    } else if constexpr (kIsOptional<T>) {
      write(value.has_value());
      if (value) write(*value);
    } else {
      fields(*this, value);
    }
  }

  std::string out_{kEntryForm};
};

// Once something is wrong nothing more is read.
class Reader {
 public:
  explicit Reader(std::string_view bytes) noexcept : rest_(bytes) {}

  void operator()(auto&... values) { (read(values), ...); }
  void body(std::vector<std::string>& pieces) {
    while (good_ && !rest_.empty()) {
      pieces.emplace_back(take(std::min(rest_.size(), CacheEntry::kPiece)));
    }
  }
  [[nodiscard]] bool good() const noexcept { return good_; }

 private:
  std::string_view take(std::size_t size) {
    if (size > rest_.size()) good_ = false;
    if (!good_) return {};
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  template <std::unsigned_integral T>
  T number() {
    T value = 0;
    for (const char byte : take(sizeof value)) {
      value = static_cast<T>(value << 8 | static_cast<std::uint8_t>(byte));
    }
    return value;
  }
  bool flag() {
    const auto value = number<std::uint8_t>();
    if (value > 1) good_ = false;
    return good_ && value == 1;
  }

  template <class T>
  void read(T& value) {
    if constexpr (std::same_as<T, bool>) {
      value = flag();
    } else if constexpr (std::integral<T>) {
      value = static_cast<T>(number<std::make_unsigned_t<T>>());
    } else if constexpr (std::same_as<T, CacheEntry::Kind>) {
      const auto kind = number<std::uint8_t>();
      if (kind > std::to_underlying(CacheEntry::Kind::kVariants)) good_ = false;
      if (good_) value = static_cast<CacheEntry::Kind>(kind);
    } else if constexpr (std::same_as<T, Duration>) {
      value = Duration(static_cast<std::int64_t>(number<std::uint64_t>()));
    } else if constexpr (std::same_as<T, std::string>) {
      value = take(number<std::uint32_t>());
    } else if constexpr (kIsList<T>) {
      const auto count = number<std::uint32_t>();
      // An element has a byte at least: no count makes room for more than the bytes could be.
      if (count > rest_.size()) good_ = false;
      for (std::uint32_t i = 0; i < count && good_; ++i) read(value.emplace_back());
    } else if constexpr (kIsOptional<T>) {
      if (flag()) read(value.emplace());
    } else {
      fields(*this, value);
    }
  }

  std::string_view rest_;
  bool good_ = true;
};

}  // namespace

std::string write_entry(const CacheEntry& entry) {
  Writer out;
  out.reserve(entry.weight());
  fields(out, entry);
  return std::move(out).take();
}

std::optional<CacheEntry> read_entry(std::string_view bytes) {
  if (!bytes.starts_with(kEntryForm)) return std::nullopt;
  CacheEntry entry;
  Reader in(bytes.substr(1));
  fields(in, entry);
  if (!in.good()) return std::nullopt;
  return entry;
}

}  // namespace outrigger::filters
