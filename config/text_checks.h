// What YAML would accept and this configuration does not, found on the text and on single values.
#pragma once

#include <string>
#include <string_view>

#include "config/reporter.h"
#include "config/source.h"

namespace outrigger::config {

// Size, encoding, control characters, tabs in indentation. False: not worth parsing.
bool check_text(const Source& source, Reporter& reporter);

// Words and numbers that tools read differently (DESIGN 4), and quotes that are never closed.
// `rest` is the source from the value on.
void check_scalar(const Node& node, std::string_view rest, Reporter& reporter);
void check_key(const Node& node, Reporter& reporter);

// A syntax error of the parser in the words of a person who edits the file.
void report_syntax(const Place& at, const std::string& message, Reporter& reporter);

}  // namespace outrigger::config
