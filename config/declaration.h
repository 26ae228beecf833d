// The declarations of all configuration keys: one table per block. The decoder, `show`, the JSON
// Schema and the reference page all read these, so that they cannot differ. Static data, immutable.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

#include "config/source.h"

namespace outrigger::config {

class Decoder;
struct Block;

// What a value looks like.
struct Type {
  enum class Kind : std::uint8_t {
    kDuration,
    kSize,
    kInteger,
    kBoolean,
    kWord,
    kText,
    kSecret,
    kUrl,
    kListen,
    kHost,
    kAuthority,
    kHosts,
    kPath,
    kNetwork,
    kMethod,
    kTarget,
    kFile,
    kName,
    kPercent,
    kDecimal,  // a number that may have a fraction
    kStatus,
    kPointer,    // RFC 6901
    kTemplate,   // a target with {idempotency-key} and {/json/pointer} in it
    kFailure,    // one of `words`, which are too many for a message
    kFieldName,  // of HTTP, in any case; kept in lower case
    // kAuthority: a host, perhaps with a port; kHosts: a host, or ".example.com" for all below it
    kBlock,      // `block` declares its keys
    kList,       // of `element`; a single value is a list of one
    kNamed,      // a map from names to `element`
    kByVerdict,  // a map from verdicts to `element`
    kHeaderMatches,
    kJsonMatches,
    kRate,        // events in a time
    kTexts,       // a map from texts to texts
    kJsonValues,  // a map from JSON pointers to values
    kJson,        // a JSON text, or `file:` and the file that holds it
    kContent,     // any text, or `file:` and the file that holds it
  };
  Kind kind = Kind::kText;
  std::string_view special = {};                 // one word that also is legal: "none", "auto"
  std::span<const std::string_view> words = {};  // of kWord and kFailure
  const Block& (*block)() = nullptr;
  const Type* element = nullptr;
};

// Numbers, percentages, and counts of durations in nanoseconds, must lie within.
struct Bounds {
  std::uint64_t min = 1;
  std::uint64_t max = std::numeric_limits<std::int64_t>::max();
};

// One key. `object` is the struct that the key's block is bound to.
struct Field {
  std::string_view key;
  Type type;
  std::string_view description;
  std::string_view example = {};  // a value in YAML that loads
  Bounds bounds = {};
  std::string_view since = "0.1";
  // Writes the value into the object; reports what is wrong and leaves the object as it was. Null:
  // the loader itself decodes the key.
  void (*decode)(Decoder& decoder, const Field& field, const Node& node, void* object) = nullptr;
  // The value as YAML; nothing when there is nothing to write.
  std::optional<Node> (*dump)(const Field& field, const void* object) = nullptr;
};

// Fields of one struct. A block may have several groups: its own keys and those it shares with
// others.
struct Group {
  std::span<const Field> fields;
  void* (*object)(void* owner) = nullptr;  // from the block's object to the group's; null: the same
};

struct Block {
  std::string_view name;  // in messages and as the heading of the reference: "upstreams.<name>"
  std::string_view description;
  std::span<const Group> groups;
  const void* (*defaults)() = nullptr;  // a default object, for the reference
  std::string_view short_key = {};      // a plain value instead of the block is that of this key

  [[nodiscard]] const Field* find(std::string_view key) const noexcept;
};

// Calls visit(field, object of its group) for each field, in order.
template <class Visit>
void for_each_field(const Block& block, void* owner, Visit&& visit) {
  for (const Group& group : block.groups) {
    void* object = group.object == nullptr ? owner : group.object(owner);
    for (const Field& field : group.fields) visit(field, object);
  }
}
template <class Visit>
void for_each_field(const Block& block, const void* owner, Visit&& visit) {
  // The accessors only add an offset; nothing is written through the result.
  for_each_field(block, const_cast<void*>(owner), [&](const Field& field, void* object) {
    visit(field, static_cast<const void*>(object));
  });
}

// ---- the blocks ----

const Block& root_block();      // bound to Config
const Block& defaults_block();  // this and the next two bound to Upstream
const Block& profile_block();
const Block& upstream_block();
const Block& route_block();  // bound to Route

// All blocks in the order of the reference, each once.
std::span<const Block* const> all_blocks();

// A key of a later version, or another system's word for a key.
struct ReservedKey {
  std::string_view key;
  std::string_view meant;  // the name it will have here
};
std::span<const ReservedKey> reserved_keys();

struct Synonym {
  std::string_view word, key;
};
std::span<const Synonym> synonyms();

}  // namespace outrigger::config
