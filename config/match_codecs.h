// Reads maps by verdict, `{overloaded: 5, timeout: 1}`. The other matches (statuses, headers, JSON
// values) are members of structs: see codecs.h.
#pragma once

#include <optional>

#include "config/decoder.h"
#include "proxy/base/verdict.h"

namespace outrigger::config {

// Calls visit(verdict, node) for each entry, within its path; reports keys that are no verdicts and
// entries without a value.
template <class Visit>
void for_each_verdict(Decoder& decoder, const Field& field, const Node& node, Visit&& visit);

// The verdict of a key; nothing after a report.
std::optional<Verdict> verdict_key(Decoder& decoder, const Member& member);
// False after a report that `node` is no block.
bool is_block(Decoder& decoder, const Field& field, const Node& node);

template <class Visit>
void for_each_verdict(Decoder& decoder, const Field& field, const Node& node, Visit&& visit) {
  if (!is_block(decoder, field, node)) return;
  for (const Member& member : node.members) {
    const Decoder::Scope scope(decoder, member.key);
    if (const auto verdict = verdict_key(decoder, member)) visit(*verdict, member.value);
  }
}

}  // namespace outrigger::config
