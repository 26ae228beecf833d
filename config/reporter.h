// Collects what is wrong while a configuration is read. One a load; never stops at the first error.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "config/codes.h"
#include "config/diagnostics.h"
#include "config/source.h"

namespace outrigger::config {

// What follows "what is wrong": both optional.
struct Advice {
  std::string hint = {};
  std::size_t width = 1;
};

class Reporter {
 public:
  void error(Code code, const Place& place, std::string message, Advice advice = {}) {
    add(Severity::kError, code, place, std::move(message), std::move(advice));
  }
  void warning(Code code, const Place& place, std::string message, Advice advice = {}) {
    add(Severity::kWarning, code, place, std::move(message), std::move(advice));
  }
  // The same, underlining the whole of `node`.
  void error(Code code, const Node& node, std::string message, std::string hint = {}) {
    error(code, node.place, std::move(message), {std::move(hint), node.width()});
  }
  void warning(Code code, const Node& node, std::string message, std::string hint = {}) {
    warning(code, node.place, std::move(message), {std::move(hint), node.width()});
  }

  [[nodiscard]] std::size_t errors() const noexcept { return errors_; }

  // Sorted by file and position. A layer that several upstreams use is decoded several times: each
  // diagnostic is kept once.
  std::vector<Diagnostic> finish();

 private:
  void add(Severity severity, Code code, const Place& place, std::string message, Advice advice);
  void attach_lines(Diagnostic& diagnostic, const Place& place);

  std::vector<Diagnostic> found_;
  std::map<const Source*, std::vector<std::string>> masked_;  // lines, secrets masked
  std::size_t errors_ = 0;
};

}  // namespace outrigger::config
