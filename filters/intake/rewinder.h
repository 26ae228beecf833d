// Puts the body of an exchange's request back to its first byte, for another attempt. Lives in the
// frame of a filter that repeats; when the outermost goes, what was kept for that is given back.
#pragma once

#include <string>
#include <string_view>

#include "filters/exchange.h"

namespace outrigger::filters {

class Rewinder {
 public:
  explicit Rewinder(Exchange& exchange);
  Rewinder(const Rewinder&) = delete;
  Rewinder& operator=(const Rewinder&) = delete;
  ~Rewinder();

  // Whether another attempt would send every byte.
  [[nodiscard]] bool possible() const noexcept;
  // Why not: a literal, empty while it is possible.
  [[nodiscard]] std::string_view why_not() const noexcept;
  // Only while possible(), and when no attempt reads the body any more.
  void rewind();
  // The whole body, where it is in memory; nothing where it is not.
  [[nodiscard]] std::optional<std::string> whole() const;

 private:
  Exchange& exchange_;
  bool in_memory_;
  Slice whole_;
};

}  // namespace outrigger::filters
