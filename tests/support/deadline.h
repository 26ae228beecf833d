// Time bounds of the test peers. A bound that passes throws Failure, which GoogleTest reports as
// the test's failure: a test never hangs and never waits in silence.
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <fmt/core.h>

namespace outrigger::test {

using namespace std::chrono_literals;
using Milliseconds = std::chrono::milliseconds;

// Long enough for a sanitizer build on a busy machine; reached only by a test that fails.
inline constexpr Milliseconds kPatience = 20s;
// "Nothing happens" is believed after so long.
inline constexpr Milliseconds kQuiet = 300ms;

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class... Args>
[[noreturn]] void give_up(fmt::format_string<Args...> format, Args&&... args) {
  throw Failure(fmt::format(format, std::forward<Args>(args)...));
}

class Deadline {
 public:
  explicit Deadline(Milliseconds from_now = kPatience)
      : at_(std::chrono::steady_clock::now() + from_now) {}

  // For poll(): at least 0.
  [[nodiscard]] int left_ms() const {
    const auto left = std::chrono::ceil<Milliseconds>(at_ - std::chrono::steady_clock::now());
    return left.count() > 0 ? static_cast<int>(left.count()) : 0;
  }
  [[nodiscard]] bool passed() const { return left_ms() == 0; }
  [[nodiscard]] std::chrono::steady_clock::time_point at() const { return at_; }

 private:
  std::chrono::steady_clock::time_point at_;
};

// Asks `done` again and again until it says yes; false when the deadline passed first.
template <class Predicate>
[[nodiscard]] bool eventually(Predicate done, Deadline deadline = Deadline()) {
  while (!done()) {
    if (deadline.passed()) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

}  // namespace outrigger::test
