// Binds a declared key to a member of a struct: what the member's type looks like in YAML, how it
// is read and written back. `field<&Timeouts::connect>("connect", ...)` is all that a declaration
// says.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "config/declaration.h"
#include "config/decoder.h"

namespace outrigger::config {

// ---- reading and writing of plain values; false after a report ----

bool decode_value(Decoder& decoder, const Field& field, const Type& type, const Node& node,
                  Duration& out);
bool decode_value(Decoder& decoder, const Field& field, const Type& type, const Node& node,
                  bool& out);
bool decode_value(Decoder& decoder, const Field& field, const Type& type, const Node& node,
                  std::string& out);
bool decode_value(Decoder& decoder, const Field& field, const Type& type, const Node& node,
                  Secret& out);
bool decode_value(Decoder& decoder, const Field& field, const Type& type, const Node& node,
                  Endpoint& out);
bool decode_value(Decoder& decoder, const Field& field, const Type& type, const Node& node,
                  ListenAddress& out);
bool decode_value(Decoder& decoder, const Field& field, const Type& type, const Node& node,
                  double& out);
bool decode_value(Decoder& decoder, const Field& field, const Type& type, const Node& node,
                  StatusRange& out);
bool decode_value(Decoder& decoder, const Field& field, const Type& type, const Node& node,
                  Rate& out);
bool decode_size(Decoder& decoder, const Field& field, const Node& node, ByteCount& out);
bool decode_integer(Decoder& decoder, const Field& field, const Node& node, std::uint64_t& out);
bool decode_word(Decoder& decoder, const Field& field, const Type& type, const Node& node,
                 std::size_t& out);

Node dump_value(const Type& type, Duration value);
Node dump_value(const Type& type, bool value);
Node dump_value(const Type& type, const std::string& value);
Node dump_value(const Type& type, const Secret& value);
Node dump_value(const Type& type, const Endpoint& value);
Node dump_value(const Type& type, const ListenAddress& value);
Node dump_value(const Type& type, double value);
Node dump_value(const Type& type, const StatusRange& value);
Node dump_value(const Type& type, const Rate& value);
Node dump_number(const Type& type, std::uint64_t value);

// The maps of matches and values: an entry replaces what was there under its key. False when all is
// wrong.
bool decode_matches(Decoder& decoder, const Field& field, const Node& node,
                    std::vector<HeaderMatch>& out);
bool decode_matches(Decoder& decoder, const Field& field, const Node& node,
                    std::vector<JsonMatch>& out);
bool decode_matches(Decoder& decoder, const Field& field, const Node& node,
                    std::vector<TextPair>& out);
bool decode_matches(Decoder& decoder, const Field& field, const Node& node,
                    std::vector<JsonValue>& out);
Node dump_matches(const std::vector<HeaderMatch>& matches);
Node dump_matches(const std::vector<JsonMatch>& matches);
Node dump_matches(const std::vector<TextPair>& pairs);
Node dump_matches(const std::vector<JsonValue>& values);

// Needs no quotes and means the same to every YAML tool.
bool is_safe_plain(std::string_view text);

// A name that can be a path prefix and a metric label.
bool is_usable_name(std::string_view name) noexcept;

// All fields of a block as a map. `object` is what the block is bound to.
Node dump_block(const Block& block, const void* object);

// ---- the types of members ----

template <Type::Kind K>
inline constexpr Type kPlain{.kind = K};

// The words of an enum, in the order of its values from 0.
template <class E>
inline constexpr std::span<const std::string_view> kWordsOf{};

template <>
inline constexpr std::span<const std::string_view> kWordsOf<Verdict> = kVerdictNames;

inline constexpr auto kAllVerdicts = [] {
  std::array<Verdict, kVerdictNames.size()> all{};
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<Verdict>(i);
  return all;
}();

// The block that a struct is bound to: specialised beside its declaration.
template <class T>
const Block& block_of();

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

template <class T>
concept Matches =
    std::same_as<T, std::vector<HeaderMatch>> || std::same_as<T, std::vector<JsonMatch>> ||
    std::same_as<T, std::vector<TextPair>> || std::same_as<T, std::vector<JsonValue>>;

template <class T>
concept Number = std::integral<T> && !std::same_as<T, bool>;

// ByteCount is the only 64-bit number in the configuration.
template <class T, Type::Kind K>
consteval Type::Kind kind_of() {
  using Kind = Type::Kind;
  if constexpr (std::same_as<T, Duration>)
    return Kind::kDuration;
  else if constexpr (std::same_as<T, ByteCount>)
    return Kind::kSize;
  else if constexpr (std::same_as<T, bool>)
    return Kind::kBoolean;
  else if constexpr (Number<T>)
    return Kind::kInteger;
  else if constexpr (std::is_enum_v<T>)
    return Kind::kWord;
  else if constexpr (std::same_as<T, std::string> || std::same_as<T, double>)
    return K;  // of a double: kPercent or kDecimal
  else if constexpr (std::same_as<T, StatusRange>)
    return Kind::kStatus;
  else if constexpr (std::same_as<T, VerdictSet>)
    return Kind::kList;
  else if constexpr (std::same_as<T, Secret>)
    return Kind::kSecret;
  else if constexpr (std::same_as<T, Rate>)
    return Kind::kRate;
  else if constexpr (std::same_as<T, Endpoint>)
    return Kind::kUrl;
  else if constexpr (std::same_as<T, ListenAddress>)
    return Kind::kListen;
  else
    return Kind::kBlock;
}

template <class T, Type::Kind K>
struct TypeOf {
  static consteval Type make() {
    Type type{.kind = kind_of<T, K>()};
    if constexpr (std::is_enum_v<T>) type.words = kWordsOf<T>;
    if constexpr (kind_of<T, K>() == Type::Kind::kBlock) type.block = &block_of<T>;
    return type;
  }
};
template <class T, Type::Kind K>
struct TypeOf<std::optional<T>, K> {
  static consteval Type make() {
    Type type = TypeOf<T, K>::make();
    type.special = "none";
    return type;
  }
};
template <class T, Type::Kind K>
inline constexpr Type kTypeOf = TypeOf<T, K>::make();
template <class T, Type::Kind K>
struct TypeOf<std::vector<T>, K> {
  static consteval Type make() { return {.kind = Type::Kind::kList, .element = &kTypeOf<T, K>}; }
};

template <Type::Kind K>
struct TypeOf<VerdictSet, K> : TypeOf<std::vector<Verdict>, K> {};
template <Type::Kind K>
struct TypeOf<std::vector<HeaderMatch>, K> {
  static consteval Type make() { return {.kind = Type::Kind::kHeaderMatches}; }
};
template <Type::Kind K>
struct TypeOf<std::vector<JsonMatch>, K> {
  static consteval Type make() { return {.kind = Type::Kind::kJsonMatches}; }
};
template <Type::Kind K>
struct TypeOf<std::vector<TextPair>, K> {
  static consteval Type make() { return {.kind = Type::Kind::kTexts}; }
};
template <Type::Kind K>
struct TypeOf<std::vector<JsonValue>, K> {
  static consteval Type make() { return {.kind = Type::Kind::kJsonValues}; }
};

inline bool is_special(const Field& field, const Node& node) {
  return !field.type.special.empty() && node.is_scalar() && !node.quoted &&
         node.text == field.type.special;
}

// What `show` may print of a secret: a variable or a file, never the secret.
std::string reference_of(const Type& type, const Node& node);

template <class T>
bool decode_member(Decoder& decoder, const Field& field, const Type& type, const Node& node,
                   T& out) {
  if constexpr (IsOptional<T>::value) {
    if (is_special(field, node)) {
      out.reset();
      decoder.reset_below(node);
      return true;
    }
    using Value = typename T::value_type;
    Value value = out ? *out : Value{};
    if (!decode_member(decoder, field, type, node, value)) return false;
    out = std::move(value);
    return true;
  } else if constexpr (Matches<T>) {
    return decode_matches(decoder, field, node, out);
  } else if constexpr (std::same_as<T, VerdictSet>) {
    std::vector<Verdict> verdicts;
    if (!decode_member(decoder, field, type, node, verdicts)) return false;
    out = {};
    for (const Verdict verdict : verdicts) out.add(verdict);
    return true;
  } else if constexpr (IsVector<T>::value) {
    T items;
    const auto add = [&](const Node& item) {
      typename T::value_type value{};
      if (!decode_member(decoder, field, *type.element, item, value)) return;
      if constexpr (std::same_as<typename T::value_type, Secret>) {
        decoder.remember(item, reference_of(*type.element, item));
      }
      items.push_back(std::move(value));
    };
    if (!node.is_list()) add(node);
    for (std::size_t i = 0; node.is_list() && i < node.members.size(); ++i) {
      const Decoder::Scope scope(decoder, "[" + std::to_string(i) + "]");
      add(node.members[i].value);
    }
    out = std::move(items);
    return true;
  } else if constexpr (kind_of<T, Type::Kind::kText>() == Type::Kind::kBlock) {
    decoder.block(type.block(), node, &out);
    return true;
  } else if constexpr (std::is_enum_v<T>) {
    std::size_t index = 0;
    if (!decode_word(decoder, field, type, node, index)) return false;
    out = static_cast<T>(index);
    return true;
  } else if constexpr (std::same_as<T, ByteCount>) {
    return decode_size(decoder, field, node, out);
  } else if constexpr (Number<T>) {
    std::uint64_t value = 0;
    // "auto" and the like are the number 0, which bounds keep out otherwise.
    if (!is_special(field, node) && !decode_integer(decoder, field, node, value)) return false;
    out = static_cast<T>(value);
    return true;
  } else {
    return decode_value(decoder, field, type, node, out);
  }
}

template <class T>
std::optional<Node> dump_member(const Type& type, const T& value) {
  if constexpr (IsOptional<T>::value) {
    return value ? dump_member(type, *value) : Node::scalar(std::string(type.special));
  } else if constexpr (Matches<T>) {
    if (value.empty()) return std::nullopt;
    return dump_matches(value);
  } else if constexpr (std::same_as<T, VerdictSet>) {
    Node list = Node::list();
    for (const Verdict verdict : kAllVerdicts) {
      if (value.contains(verdict)) list.add({}, Node::scalar(std::string(to_string(verdict))));
    }
    return list;
  } else if constexpr (IsVector<T>::value) {
    if constexpr (std::same_as<typename T::value_type, Secret>) {
      if (value.empty()) return std::nullopt;
    }
    Node list = Node::list();
    for (const auto& item : value) {
      if (auto node = dump_member(*type.element, item)) list.add({}, std::move(*node));
    }
    return list;
  } else if constexpr (kind_of<T, Type::Kind::kText>() == Type::Kind::kBlock) {
    return dump_block(type.block(), &value);
  } else if constexpr (std::is_enum_v<T>) {
    return Node::scalar(std::string(type.words[static_cast<std::size_t>(value)]));
  } else if constexpr (Number<T>) {
    return dump_number(type, static_cast<std::uint64_t>(value));
  } else {
    if constexpr (std::same_as<T, std::string> || std::same_as<T, Secret>) {
      if (value.empty() && type.special.empty()) return std::nullopt;
    }
    return dump_value(type, value);
  }
}

template <class M>
struct MemberOf;
template <class S, class T>
struct MemberOf<T S::*> {
  using Struct = S;
  using Value = T;
};

// The field of `Member`; K tells what kind of text its strings are.
template <auto Member, Type::Kind K = Type::Kind::kText>
consteval Field field(std::string_view key, std::string_view description,
                      std::string_view example = {}, Bounds bounds = {}) {
  using Struct = typename MemberOf<decltype(Member)>::Struct;
  using Value = typename MemberOf<decltype(Member)>::Value;
  Field made{.key = key,
             .type = kTypeOf<Value, K>,
             .description = description,
             .example = example,
             .bounds = bounds};
  made.decode = [](Decoder& decoder, const Field& self, const Node& node, void* object) {
    if (!decode_member(decoder, self, self.type, node, static_cast<Struct*>(object)->*Member))
      return;
    decoder.remember(node, reference_of(self.type, node));
  };
  made.dump = [](const Field& self, const void* object) {
    return dump_member(self.type, static_cast<const Struct*>(object)->*Member);
  };
  return made;
}

// The same with another type: words that the member's own type does not know.
consteval Field of_type(Field made, const Type& type) {
  made.type = type;
  return made;
}

// A default object, for a block's `defaults`.
template <class T>
const void* default_of() {
  static const T object{};
  return &object;
}

// The same with a word that stands for zero or nothing.
consteval Field or_word(Field made, std::string_view special) {
  made.type.special = special;
  return made;
}

}  // namespace outrigger::config
