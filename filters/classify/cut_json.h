// Makes JSON that stops early readable: error bodies are read up to a bound, and connections break.
// Pure.
#pragma once

#include <string>
#include <string_view>

namespace outrigger::filters {

// The longest readable part of `text` as a whole document: it ends behind the first complete list
// or map, else at the cut, where open strings, lists and maps are closed and a half member is left
// out. What precedes the first bracket (a byte order mark, `data:`) is skipped. Empty when there is
// no list or map.
std::string close_cut_json(std::string_view text);

}  // namespace outrigger::filters
