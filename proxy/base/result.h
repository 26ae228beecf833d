// Errors are values: an Error says what happened, who caused it and how far the attempt got, which
// is what a retrying proxy must know. An exception is a bug (architecture 5).
#pragma once

#include <cstdint>
#include <expected>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace outrigger {

enum class Errc : std::uint8_t {
  kCancelled,    // the scope was cancelled: see Origin for by whom
  kTimeout,      // a timer of ours fired
  kResolve,      // the name has no usable address
  kDestination,  // the destination policy refuses the address
  kConnect,      // refused, unreachable
  kTls,          // handshake or verification failed
  kReset,        // the connection broke
  kClosed,       // a clean end where more was due
  kProtocol,     // the peer broke its protocol
  kTooLarge,     // a configured bound was exceeded
  kOverload,     // we refuse: a bound of ours is reached
  kConfig,       // the configuration is wrong
  kSystem,       // a system call failed in a way that names no peer
  kInternal,     // a bug
};

enum class Origin : std::uint8_t { kClient, kUpstream, kProxy };

// How far an attempt got (DESIGN 2): decides what may be repeated.
enum class Phase : std::uint8_t {
  kNoConnection,     // P0
  kNothingAccepted,  // P1: connected, but the upstream provably took no byte of this request
  kPartlyWritten,    // P2
  kFullyWritten,     // P3
  kAnswered,         // P4: response began, nothing sent to the client
  kCommitted,        // P5
};

// One line for a person. One pointer wide, because a Result goes up through every layer and hardly
// ever has one.
class Detail {
 public:
  Detail() = default;
  Detail(std::string text)
      : text_(text.empty() ? nullptr : std::make_unique<std::string>(std::move(text))) {}
  Detail(const char* text) : Detail(std::string(text)) {}
  Detail(const Detail& other) : Detail(std::string(other.view())) {}
  Detail(Detail&&) noexcept = default;
  Detail& operator=(Detail other) noexcept {
    text_.swap(other.text_);
    return *this;
  }
  Detail& operator+=(std::string_view more) { return *this = std::string(view()).append(more); }

  [[nodiscard]] bool empty() const noexcept { return text_ == nullptr; }
  [[nodiscard]] std::string_view view() const noexcept {
    return text_ == nullptr ? std::string_view{} : std::string_view(*text_);
  }
  [[nodiscard]] std::string str() const { return std::string(view()); }
  operator std::string_view() const noexcept { return view(); }
  [[nodiscard]] std::size_t find(std::string_view part) const noexcept { return view().find(part); }
  friend bool operator==(const Detail& a, std::string_view b) noexcept { return a.view() == b; }
  template <class Char, class Traits>
  friend std::basic_ostream<Char, Traits>& operator<<(std::basic_ostream<Char, Traits>& out,
                                                      const Detail& detail) {
    return out << detail.view();
  }

 private:
  std::unique_ptr<std::string> text_;
};

struct Error {
  Errc code = Errc::kInternal;
  Origin origin = Origin::kProxy;
  Phase phase = Phase::kNoConnection;
  std::string_view reason;  // RFC 9209 error token or our own closed code; always a literal
  Detail detail = {};       // never holds a secret
};

template <class T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(Errc code, Origin origin, std::string_view reason,
                                                 std::string detail = {}) {
  return std::unexpected(Error{code, origin, Phase::kNoConnection, reason, std::move(detail)});
}

std::string_view to_string(Errc code) noexcept;
std::string_view to_string(Origin origin) noexcept;
std::string_view to_string(Phase phase) noexcept;

}  // namespace outrigger

#define OUTRIGGER_CONCAT_(a, b) a##b
#define OUTRIGGER_CONCAT(a, b) OUTRIGGER_CONCAT_(a, b)

// The one macro: `CO_TRY(declaration, expression)` returns the error from a coroutine, or binds the
// value; `CO_TRY(expression)` for a Status.
#define CO_TRY_PICK(a, b, chosen, ...) chosen
#define CO_TRY(...) CO_TRY_PICK(__VA_ARGS__, CO_TRY_2, CO_TRY_1, )(__VA_ARGS__)
#define CO_TRY_1(expression)                             \
  if (auto co_try_status = (expression); !co_try_status) \
  co_return std::unexpected(std::move(co_try_status).error())
#define CO_TRY_2(declaration, expression) \
  CO_TRY_3(declaration, expression, OUTRIGGER_CONCAT(co_try_, __COUNTER__))
#define CO_TRY_3(declaration, expression, name)                  \
  auto name = (expression);                                      \
  if (!name) co_return std::unexpected(std::move(name).error()); \
  declaration = std::move(*name)
