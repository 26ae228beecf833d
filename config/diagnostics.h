// What the loader has to say about a configuration: errors and warnings with their place, in the
// display of operability 3.6. Pure values; a source line shown here never holds a secret.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "config/config.h"

namespace outrigger::config {

enum class Severity : std::uint8_t { kError, kWarning };

struct Diagnostic {
  Severity severity = Severity::kError;
  std::string code;           // "OUT-1nn": see codes.h
  std::string message;        // one line, never a secret
  Position position;          // line 0: the file as a whole
  std::string hint;           // what to write instead; may be empty
  std::size_t width = 1;      // columns to underline, in characters
  std::string source_line;    // the line of `position`, secrets masked; empty when line is 0
  std::string previous_line;  // the line before it, for context; empty at line 1
};

// "file:line:column: error OUT-1nn: message", the source line with a caret display, and the hint.
// Ends with a newline. `colour` adds ANSI sequences for a terminal.
std::string render(const Diagnostic& diagnostic, bool colour);

// All diagnostics and their summary line, as `outrigger check` prints them. Empty for no
// diagnostics.
std::string render(const std::vector<Diagnostic>& diagnostics, bool colour);

// An array of {severity, code, message, file, line, column, width, hint}, for editors and CI.
std::string render_json(const std::vector<Diagnostic>& diagnostics);

// "2 errors, 1 warning. See: outrigger explain OUT-102"
std::string summary(const std::vector<Diagnostic>& diagnostics);

bool has_errors(const std::vector<Diagnostic>& diagnostics) noexcept;

}  // namespace outrigger::config
