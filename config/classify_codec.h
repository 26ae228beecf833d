// The list of `classify` rules: read by layers, in front of each other, and written back.
#pragma once

#include <optional>

#include "config/decoder.h"

namespace outrigger::config {

// Both bound to Policies. The rules of `node` are put in front of those that are there; an equal
// rule further down is dropped, since it could never be asked. So the whole list may be read again
// on top of a part of it and stays the same.
void decode_classify(Decoder& decoder, const Field& self, const Node& node, void* object);
std::optional<Node> dump_classify(const Field& self, const void* object);

}  // namespace outrigger::config
