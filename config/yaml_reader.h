// Reads YAML strictly into a tree: no duplicate keys, no anchors, aliases, merge keys, tags or
// second document, no words that YAML versions read differently. Bounded in depth and number of
// values.
#pragma once

#include <optional>

#include "config/reporter.h"
#include "config/source.h"

namespace outrigger::config {

inline constexpr std::size_t kMaxDepth = 32;
inline constexpr std::size_t kMaxValues = 100'000;

// The document's root, or nothing when it cannot be read at all. Problems that leave a usable tree
// are reported and the tree is returned, so that later checks can find more in the same run.
std::optional<Node> read_yaml(const Source& source, Reporter& reporter);

}  // namespace outrigger::config
