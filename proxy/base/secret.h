// A string that must not leak: no stream operator, no formatter, zeroed when dropped (architecture
// 14).
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace outrigger {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) { wipe(value); }
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.wipe(); }
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { wipe(); }

  [[nodiscard]] bool empty() const noexcept { return value_.empty(); }
  // The only way to the bytes: greppable by name.
  [[nodiscard]] std::string_view reveal() const noexcept { return value_; }
  // Takes the same time whatever the contents.
  [[nodiscard]] bool equals(std::string_view other) const noexcept;
  bool operator==(const Secret& other) const noexcept { return equals(other.value_); }

 private:
  void wipe() noexcept { wipe(value_); }
  static void wipe(std::string& bytes) noexcept;
  std::string value_;
};

}  // namespace outrigger
