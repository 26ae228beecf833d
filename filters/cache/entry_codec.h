// An entry as bytes, for the disk. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "filters/cache/entry.h"

namespace outrigger::filters {

// Of the bytes: another number for each change of what they are. Those of another form are nothing,
// and a database of them is emptied.
inline constexpr char kEntryForm = 1;

[[nodiscard]] std::string write_entry(const CacheEntry& entry);
// The entry back, its body in pieces of CacheEntry::kPiece. Nothing, whatever the bytes, where
// write_entry() of this version did not make them.
[[nodiscard]] std::optional<CacheEntry> read_entry(std::string_view bytes);

}  // namespace outrigger::filters
