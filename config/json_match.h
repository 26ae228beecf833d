// What must hold of one place in a JSON document, as the configuration writes it.
#pragma once

#include <cstdint>
#include <string>

namespace outrigger::config {

// `json: {/temperature: 0}`, `{/total: {at_least: 1}}`, `{/message: {contains: quota}}`,
// `{/id: "*"}` (there, whatever it is).
struct JsonMatch {
  enum class Test : std::uint8_t { kEquals, kAtLeast, kAtMost, kContains, kPresent };
  std::string pointer;  // RFC 6901; a part "*" is every element of a list
  Test test = Test::kEquals;
  // Of kEquals (a number, true, false and null as written) and kContains (any case).
  std::string text = {};
  double number = 0;  // kAtLeast, kAtMost
  bool operator==(const JsonMatch&) const = default;
};

}  // namespace outrigger::config
