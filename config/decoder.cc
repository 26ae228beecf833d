#include "config/decoder.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config/suggest.h"

namespace outrigger::config {
namespace {

using Kind = Type::Kind;

struct Description {
  Kind kind;
  std::string_view text;
};
constexpr std::array kDescriptions = {
    Description{Kind::kDuration, "a duration"},
    Description{Kind::kSize, "a size"},
    Description{Kind::kInteger, "a whole number"},
    Description{Kind::kBoolean, "true or false"},
    Description{Kind::kText, "a text"},
    Description{Kind::kSecret, "a secret"},
    Description{Kind::kUrl, "a URL"},
    Description{Kind::kListen, "an address and port"},
    Description{Kind::kHost, "a host name"},
    Description{Kind::kAuthority, "a host name"},
    Description{Kind::kHosts, "a host name, or .name for all below it"},
    Description{Kind::kPath, "a path"},
    Description{Kind::kNetwork, "a network"},
    Description{Kind::kMethod, "a method"},
    Description{Kind::kTarget, "a path"},
    Description{Kind::kFile, "a file"},
    Description{Kind::kName, "a name"},
    Description{Kind::kPercent, "a percentage"},
    Description{Kind::kDecimal, "a number"},
    Description{Kind::kStatus, "a status, a class as 5xx or a range as 500-599"},
    Description{Kind::kPointer, "a JSON pointer"},
    Description{Kind::kTemplate, "a path with placeholders"},
    Description{Kind::kFailure, "an RFC 9209 error"},
    Description{Kind::kFieldName, "the name of a header"},
    Description{Kind::kBlock, "a block"},
    Description{Kind::kNamed, "a block of named blocks"},
    Description{Kind::kHeaderMatches, "a block of header names with a value each"},
    Description{Kind::kJsonMatches, "a block of JSON pointers with a value or a test each"},
    Description{Kind::kRate, "a rate"},
    Description{Kind::kTexts, "a block of texts with a text each"},
    Description{Kind::kJsonValues, "a block of JSON pointers with a value each"},
    Description{Kind::kJson, "a JSON text, or file: and a path"},
    Description{Kind::kContent, "a text, or file: and a path"},
};

std::vector<std::string_view> keys_of(const Block& block) {
  std::vector<std::string_view> keys;
  for (const Group& group : block.groups) {
    for (const Field& field : group.fields) keys.push_back(field.key);
  }
  return keys;
}

// The blocks other than `here` in which the key is legal, as a list for a hint.
std::string elsewhere(const Block& here, std::string_view key) {
  std::string found;
  for (const Block* block : all_blocks()) {
    if (block == &here || block->find(key) == nullptr) continue;
    if (!found.empty()) found += ", ";
    found += block == &root_block() ? "the top level" : fmt::format("`{}`", block->name);
  }
  return found;
}

std::string where(const std::string& path) {
  return path.empty() ? "at the top level" : fmt::format("in {}", path);
}

std::string hint_for(const Block& declared, std::string_view key) {
  const auto synonym = std::ranges::find(synonyms(), key, &Synonym::word);
  if (synonym != synonyms().end() && declared.find(synonym->key) != nullptr) {
    return fmt::format("did you mean \"{}\"?", synonym->key);
  }
  // One slip of the finger, else the same word in another block, else something similar.
  const std::string_view near = nearest(key, keys_of(declared));
  const bool slip = !near.empty() && edit_distance(key, near) == 1;
  const std::string others = slip ? std::string() : elsewhere(declared, key);
  if (!others.empty()) return fmt::format("it belongs in {}", others);
  if (!near.empty()) return fmt::format("did you mean \"{}\"?", near);
  std::vector<std::string_view> words;
  for (const Synonym& word : synonyms()) {
    if (declared.find(word.key) != nullptr) words.push_back(word.word);
  }
  if (const std::string_view word = nearest(key, words); !word.empty()) {
    return fmt::format("did you mean \"{}\"?",
                       std::ranges::find(synonyms(), word, &Synonym::word)->key);
  }
  std::vector<std::string_view> reserved;
  for (const ReservedKey& word : reserved_keys()) reserved.push_back(word.key);
  const std::string_view later = nearest(key, reserved);
  if (!later.empty()) return fmt::format("\"{}\" is not available in this version", later);
  return fmt::format("known here: {}", fmt::join(keys_of(declared), ", "));
}

}  // namespace

const Field* Block::find(std::string_view key) const noexcept {
  for (const Group& group : groups) {
    const auto found = std::ranges::find(group.fields, key, &Field::key);
    if (found != group.fields.end()) return &*found;
  }
  return nullptr;
}

Decoder::Scope::Scope(Decoder& decoder, std::string_view key)
    : decoder_(decoder), before_(decoder.path_.size()) {
  if (before_ > 0 && !key.starts_with('[')) decoder_.path_ += '.';
  decoder_.path_ += key;
}

Decoder::Scope::~Scope() {
  decoder_.path_.resize(before_);
}

void Decoder::block(const Block& declared, const Node& node, void* object) {
  if (node.is_scalar() && !declared.short_key.empty()) {
    Node map = Node::map();
    map.place = node.place;
    map.members.push_back({std::string(declared.short_key), node.place, node});
    return block(declared, map, object);
  }
  if (!node.is_map()) {
    const auto keys = keys_of(declared);
    error(Code::kWrongShape, node, fmt::format("{} must be a block, not {}", path_, node.quote()),
          fmt::format("its keys are {}", fmt::join(keys, ", ")));
    return;
  }
  remember(node);
  for (const Member& member : node.members) {
    if (declared.find(member.key) == nullptr) unknown_key(declared, member);
  }
  // In declared order, not in file order: `routes` build on what their upstream says.
  for_each_field(declared, object, [&](const Field& field, void* owner) {
    const Member* member = node.find(field.key);
    if (member == nullptr) return;
    const Scope scope(*this, field.key);
    if (member->value.kind == Node::Kind::kNull) {
      reporter_.error(Code::kMissingKey, member->key_place,
                      fmt::format("`{}` has no value", field.key),
                      {fmt::format("write {}, or remove the key", describe(field.type)),
                       characters(member->key)});
      return;
    }
    if (field.decode != nullptr) field.decode(*this, field, member->value, owner);
  });
}

void Decoder::unknown_key(const Block& declared, const Member& member) {
  if (member.key == "<<") return;  // reported by the reader
  const auto reserved = std::ranges::find(reserved_keys(), member.key, &ReservedKey::key);
  const std::size_t width = characters(member.key);
  if (reserved != reserved_keys().end()) {
    const bool renamed = reserved->meant != reserved->key;
    reporter_.error(Code::kReservedKey, member.key_place,
                    fmt::format("`{}` is not available in this version", member.key),
                    {renamed ? fmt::format("it will be called `{}`", reserved->meant)
                             : "remove it: nothing would act on it",
                     width});
    return;
  }
  const Node key = Node::scalar(member.key);
  reporter_.error(Code::kUnknownKey, member.key_place,
                  fmt::format("unknown key {} {}", key.quote(), where(path_)),
                  {hint_for(declared, member.key), std::max<std::size_t>(1, width)});
}

std::optional<std::string_view> Decoder::scalar(const Field& field, const Node& node) {
  if (node.is_scalar()) return node.text;
  const bool nothing = node.kind == Node::Kind::kNull;
  error(nothing ? Code::kMissingKey : Code::kWrongShape, node,
        fmt::format("{} must be {}, not {}", path_, describe(field.type), node.quote()));
  return std::nullopt;
}

std::optional<std::string> Decoder::text_or_file(const Node& node, Code code,
                                                 std::string_view what) {
  constexpr std::string_view kFile = "file:";
  if (!node.text.starts_with(kFile)) return node.text;
  const std::string path = node.text.substr(kFile.size());
  auto content = environment_.read_file(path);
  if (!content) {
    error(code, node, fmt::format("cannot read {} in {}: {}", what, path, content.error().detail));
    return std::nullopt;
  }
  if (content->ends_with('\n')) content->pop_back();
  if (content->ends_with('\r')) content->pop_back();
  return std::move(*content);
}

std::optional<std::string> Decoder::secret(const Node& node) {
  std::optional<std::string> value = text_or_file(node, Code::kSecretFile, "the secret");
  if (!value) return std::nullopt;
  if (value->empty()) {
    error(Code::kSecretFile, node, fmt::format("{} is empty", path_));
    return std::nullopt;
  }
  return value;
}

void Decoder::remember(const Node& node, std::string reference) {
  if (places_ != nullptr) (*places_)[path_] = {node.place, node.width(), std::move(reference)};
}

void Decoder::reset_below(const Node& node) {
  if (places_ == nullptr) return;
  const std::string prefix = path_ + ".";
  for (auto at = places_->lower_bound(prefix);
       at != places_->end() && at->first.starts_with(prefix); ++at) {
    at->second = {node.place, node.width(), {}};
  }
}

Decoder::Items Decoder::take_items(std::string_view path) {
  Items taken;
  if (places_ == nullptr) return taken;
  const std::string prefix = std::string(path) + "[";
  auto at = places_->lower_bound(prefix);
  while (at != places_->end() && at->first.starts_with(prefix)) {
    const std::size_t end = at->first.find(']', prefix.size());
    std::size_t index = 0;
    std::from_chars(at->first.data() + prefix.size(), at->first.data() + end, index);
    taken.emplace_back(index, std::pair(at->first.substr(end + 1), std::move(at->second)));
    at = places_->erase(at);
  }
  return taken;
}

void Decoder::put_item(std::string_view path, std::size_t index, const Items::value_type& item) {
  if (places_ == nullptr) return;
  (*places_)[fmt::format("{}[{}]{}", path, index, item.second.first)] = item.second.second;
}

std::string describe(const Type& type) {
  const auto base = [&]() -> std::string {
    switch (type.kind) {
      case Kind::kWord:
        return fmt::format("one of {}", fmt::join(type.words, ", "));
      case Kind::kList:
        return fmt::format("{} or a list of them", describe(*type.element));
      case Kind::kByVerdict:
        return fmt::format("a block of verdicts with {} each", describe(*type.element));
      default: {
        const auto found = std::ranges::find(kDescriptions, type.kind, &Description::kind);
        return std::string(found == kDescriptions.end() ? "" : found->text);
      }
    }
  };
  return type.special.empty() ? base() : fmt::format("{} or {}", base(), type.special);
}

}  // namespace outrigger::config
