// A script: which requests meet which faults, one after the other; when it is used up every answer
// is healthy. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/mock/fault.h"

namespace outrigger::mock {

// What a step applies to; an empty part matches everything.
struct Match {
  std::string path;    // whole, or a prefix that ends in '*'
  std::string method;  // "POST"
  Fields headers;      // every one must be there with that value
};

struct Step {
  Match match;
  std::optional<std::uint32_t> times = 1;  // nothing: always
  Fault fault;
};

// The request's value of a header field; nothing when there is none.
using FindHeader = std::function<std::optional<std::string_view>(std::string_view name)>;

class Script {
 public:
  Script() = default;
  explicit Script(std::vector<Step> steps) : steps_(std::move(steps)), used_(steps_.size()) {}

  // Uses up one time of the first step that matches and is not used up; nullptr when there is none.
  const Fault* next(std::string_view method, std::string_view path, const FindHeader& header);
  // As if no request had come.
  void rewind();
  [[nodiscard]] const std::vector<Step>& steps() const noexcept { return steps_; }

 private:
  std::vector<Step> steps_;
  std::vector<std::uint64_t> used_;  // times, by step
};

// Reads a script's file (YAML): a list of {match: {path, method, header}, times, fault}. The error
// is what is wrong, with file, line and column, as `outrigger check` says it; it ends with a
// newline.
std::expected<Script, std::string> read_script(const std::string& name, std::string text);

}  // namespace outrigger::mock
