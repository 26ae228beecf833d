// Text to the standard streams, and whether it may be coloured.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace outrigger::cli {

// Colours are for a terminal that did not ask to be spared: NO_COLOR, TERM=dumb (no-color.org).
bool wants_colour(std::FILE* stream);

// Whole text as it is. Errors stay on the stream and are found by close_output().
void print_out(std::string_view text);
void print_error(std::string_view text);
// "outrigger: <message>\n" on stderr.
void complain(std::string_view message);

// False, after a complaint, when anything printed did not reach stdout (a full disk).
bool close_output();

// Breaks text between words so that no line is longer than `width` where words allow; every line
// begins with `indent`. Ends with a newline.
std::string wrap(std::string_view text, std::size_t width, std::string_view indent = {});

}  // namespace outrigger::cli
