#include "config/reference.h"

#include <fmt/format.h>

#include "config/codecs.h"
#include "config/decoder.h"
#include "config/profiles.h"

namespace outrigger::config {
namespace {

using Kind = Type::Kind;

constexpr std::string_view kIntroduction = R"(# Configuration reference

Generated from the declarations that the loader reads; a test keeps it so. Do not edit.

One YAML file with `version: 1`. `outrigger check FILE` reads it without starting anything. Unknown
keys, missing units, duplicate keys and words that YAML tools read differently are errors with their
place.

* **Layers.** `defaults`, then the profiles that an upstream names with `use`, then its own block,
  then its routes: what is written later wins, blocks merge, lists replace. `outrigger config show`
  prints the result and where each value comes from.
  The list `classify` is the one exception: the rules of a nearer level are put in front of those
  of the levels below (route, upstream, profile, defaults), because a rule for one case must not
  lose those of the profile. An equal rule further down is dropped.
* **Durations** carry a unit: `ns us ms s m h d`, also joined: `1m30s`. **Sizes** too:
  `B KB MB GB KiB MiB GiB`.
* **Variables.** `${NAME}` takes an environment variable, `${NAME:-default}` has a default, `$${` is
  a plain `${`. In `{...}` and `[...]` such a value needs quotes. A secret may also be `file:/path`.
* **Percentages** carry their sign: `50%`. **Factors** are plain numbers: `1.5`. **Statuses** are
  `429`, `5xx` or `500-504`.
* **Verdicts** say what an attempt was: `ok`, `refused_unsent` (provably not executed), `throttled`
  (a rate limit), `quota_exhausted` (money, or a long quota), `overloaded` (the service has too much
  to do), `transient`, `timeout`, `truncated` (an answer without its end), `auth`, `client_error`,
  `content_policy`, `invalid_response` (a success that is none), `cancelled` (nobody waits).
* **Lists** of plain values may be written as one value.
* Anchors, aliases, merge keys, tags and several documents are not used.
* Paths of files are taken from the working directory of the process.

)";

// In a table cell.
std::string cell(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '|') result += '\\';
    result += c;
  }
  return result;
}

std::string flow(const Node& node) {
  if (node.is_scalar()) return node.quoted ? fmt::format("\"{}\"", node.text) : node.text;
  std::string text;
  for (const Member& member : node.members) {
    if (!text.empty()) text += ", ";
    text += (node.is_map() ? member.key + ": " : "") + flow(member.value);
  }
  return node.is_map() ? "{" + text + "}" : "[" + text + "]";
}

// A link to the block's own section.
std::string link(const Block& block) {
  std::string anchor;
  for (const char c : block.name) {
    if ((c >= 'a' && c <= 'z') || c == '_') anchor += c;
  }
  return fmt::format("[`{}`](#{})", block.name, anchor);
}

std::string type_of(const Type& type) {
  if (type.kind == Kind::kBlock) {
    const Field* short_field = type.block().find(type.block().short_key);
    Type plain = short_field == nullptr ? Type{} : short_field->type;
    if (plain.special == type.special) plain.special = {};  // means the whole block then
    return link(type.block()) +
           (short_field == nullptr ? "" : fmt::format(", {}", describe(plain))) +
           (type.special.empty() ? "" : fmt::format(" or `{}`", type.special));
  }
  if (type.kind == Kind::kByVerdict) return "verdicts with " + type_of(*type.element) + " each";
  if (type.kind == Kind::kNamed) return "names with " + type_of(*type.element);
  if (type.kind == Kind::kList && type.element->kind == Kind::kBlock)
    return "list of " + type_of(*type.element);
  return describe(type);
}

std::string default_of(const Block& block, const Field& wanted) {
  std::string text;
  for_each_field(block, block.defaults(), [&](const Field& field, const void* object) {
    if (&field != &wanted || field.dump == nullptr || field.type.kind == Kind::kNamed) return;
    const auto value = field.dump(field, object);
    if (value && (!value->is_map() || value->whole) &&
        !(value->is_list() && value->members.empty()))
      text = flow(*value);
  });
  // An absent prefix is made from the name; the empty one of a default object is not its default.
  if (wanted.type.kind == Kind::kPath && wanted.key == "path") return {};
  return text;
}

std::string section(const Block& block) {
  const bool top = block.name.empty();
  std::string text = fmt::format(
      "## {}\n\n{}\n\n", top ? "Top level" : fmt::format("`{}`", block.name), block.description);
  text += "| key | value | default | meaning | example | since |\n|---|---|---|---|---|---|\n";
  for (const Group& group : block.groups) {
    for (const Field& field : group.fields) {
      const std::string value = default_of(block, field);
      text +=
          fmt::format("| `{}` | {} | {} | {} | `{}` | {} |\n", field.key, cell(type_of(field.type)),
                      value.empty() ? "" : fmt::format("`{}`", cell(value)),
                      cell(field.description), cell(field.example), field.since);
    }
  }
  return text + "\n";
}

std::string profiles() {
  std::string text =
      "## Built-in profiles\n\nWithout `upstreams` each profile with a `url` is served under "
      "`/<name>`. Behind "
      "the prefix comes the\nprovider's own path: `https://openrouter.ai/api/v1` becomes "
      "`http://127.0.0.1:4170/openrouter/api/v1`.\n\n";
  for (const BuiltInProfile& profile : built_in_profiles()) {
    text += fmt::format("### `{}`\n\n```yaml\n{}```\n\n", profile.name, profile.text);
  }
  return text;
}

std::string reserved() {
  std::string text =
      "## Names of later versions\n\nThese are refused, so that nobody takes them for granted: ";
  bool first = true;
  for (const ReservedKey& word : reserved_keys()) {
    if (word.key != word.meant) continue;
    text += fmt::format("{}`{}`", first ? "" : ", ", word.key);
    first = false;
  }
  return text + ".\n";
}

}  // namespace

std::string reference_markdown() {
  std::string text(kIntroduction);
  for (const Block* block : all_blocks()) text += section(*block);
  return text + profiles() + reserved();
}

}  // namespace outrigger::config
