#include "config/show.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "config/codecs.h"
#include "config/declaration.h"
#include "config/flow_text.h"

namespace outrigger::config {
namespace {

bool all_scalars(const Node& list) {
  for (const Member& item : list.members) {
    if (!item.value.is_scalar()) return false;
  }
  return true;
}

// Whether the `shadow` beside a policy names it.
bool in_shadow(const Node& policies, std::string_view policy) {
  const Member* shadow = policies.find("shadow");
  return shadow != nullptr && std::ranges::any_of(shadow->value.members, [&](const Member& one) {
           return one.value.text == policy;
         });
}

// Writes a dumped tree as block-style YAML, leaving out what the options hide.
class Writer {
 public:
  Writer(const Origins& origins, ShowOptions options) : origins_(origins), options_(options) {}

  std::string take() { return std::move(text_); }

  // Inside routes defaults are never shown: a route shows what it overrides.
  void map(const Node& map, const std::string& path, int depth, ShowDefaults defaults) {
    for (const Member& member : map.members) {
      const std::string below = path.empty() ? member.key : path + "." + member.key;
      const std::size_t before = text_.size();
      entry(std::string(static_cast<std::size_t>(depth) * 2, ' ') + key(member.key), member.value,
            below, depth, defaults);
      if (text_.size() > before && in_shadow(map, member.key)) {
        text_.insert(text_.find('\n', before), "  # in shadow");
      }
    }
  }

 private:
  static std::string key(std::string_view name) { return std::string(name) + ":"; }

  [[nodiscard]] bool written(const std::string& path) const { return origins_.contains(path); }

  // Something at or below the path was written.
  [[nodiscard]] bool touched(const std::string& path) const {
    if (written(path)) return true;
    const auto next = origins_.lower_bound(path + ".");
    return next != origins_.end() && next->first.starts_with(path + ".");
  }

  void entry(const std::string& lead, const Node& node, const std::string& path, int depth,
             ShowDefaults defaults) {
    const bool required = path == "version" || path == "upstreams";
    if (defaults == ShowDefaults::kHidden && !required && !shown_as_upstream(path) &&
        !touched(path))
      return;
    if (node.is_map() && node.whole) return line(lead + " " + print_flow(node), path);
    if (node.is_list() && !node.members.empty() && node.members.front().value.whole)
      return items(lead, node, path, depth);
    if (node.is_map()) return block(lead, node, path, depth, defaults);
    if (node.is_list() && !all_scalars(node)) return routes(lead, node, path, depth);
    line(lead + " " + (node.is_list() ? scalars(node, path) : scalar(node, path)), path);
  }

  [[nodiscard]] std::string scalar(const Node& node, const std::string& path) const {
    const auto origin = origins_.find(path);
    return print_scalar(node,
                        origin == origins_.end() ? std::string_view{} : origin->second.reference);
  }

  // Each may be a secret, with a reference of its own.
  [[nodiscard]] std::string scalars(const Node& list, const std::string& path) const {
    std::string text;
    for (std::size_t i = 0; i < list.members.size(); ++i) {
      if (i != 0) text += ", ";
      text += scalar(list.members[i].value, fmt::format("{}[{}]", path, i));
    }
    return "[" + text + "]";
  }

  // With built-in providers nobody wrote the upstreams, and still they are what is served.
  static bool shown_as_upstream(const std::string& path) {
    return path.starts_with("upstreams.") && path.find('.', 10) == std::string::npos;
  }

  void block(const std::string& lead, const Node& node, const std::string& path, int depth,
             ShowDefaults defaults) {
    Writer inner(origins_, options_);
    inner.map(node, path, depth + 1, defaults);
    if (inner.text_.empty()) {
      line(lead + " {}", path);
    } else {
      text_ += lead + "\n" + inner.text_;
    }
  }

  void routes(const std::string& lead, const Node& list, const std::string& path, int depth) {
    text_ += lead + "\n";
    const std::string dash(static_cast<std::size_t>(depth + 1) * 2, ' ');
    for (std::size_t i = 0; i < list.members.size(); ++i) {
      Writer inner(origins_, options_);
      inner.map(list.members[i].value, fmt::format("{}[{}]", path, i), depth + 2,
                ShowDefaults::kHidden);
      // "- " takes the place of the first entry's indentation.
      text_ += dash + "- " + (inner.text_.empty() ? "{}\n" : inner.text_.substr(dash.size() + 2));
    }
  }

  // A list of values that are shown whole, each on its line.
  void items(const std::string& lead, const Node& list, const std::string& path, int depth) {
    text_ += lead + "\n";
    const std::string dash(static_cast<std::size_t>(depth + 1) * 2, ' ');
    for (std::size_t i = 0; i < list.members.size(); ++i)
      line(dash + "- " + print_flow(list.members[i].value), fmt::format("{}[{}]", path, i));
  }

  void line(const std::string& content, const std::string& path) {
    text_ += content;
    if (options_.origins == ShowOrigins::kShown) text_ += "  # " + origin_of(path);
    text_ += "\n";
  }

  [[nodiscard]] std::string origin_of(const std::string& path) const {
    const auto found = origins_.find(path);
    if (found == origins_.end() || found->second.position.line == 0) return "built-in";
    const Position& position = found->second.position;
    return fmt::format("{}:{}:{}", position.file, position.line, position.column);
  }

  const Origins& origins_;
  const ShowOptions options_;
  std::string text_;
};

void add_to_hash(const Node& node, std::uint64_t& hash) {
  constexpr std::uint64_t kPrime = 0x100000001b3;  // FNV-1a, 64 bit
  const auto add = [&](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
    hash = (hash ^ 0xff) * kPrime;  // ends the text: "a","bc" is not "ab","c"
  };
  add(node.is_map() ? "{" : node.is_list() ? "[" : node.quoted ? "\"" : "");
  add(node.text);
  for (const Member& member : node.members) {
    add(member.key);
    add_to_hash(member.value, hash);
  }
  add("}");
}

}  // namespace

std::string show(const Loaded& loaded, ShowOptions options) {
  if (loaded.config == nullptr) return {};
  Writer writer(loaded.origins, options);
  writer.map(dump_block(root_block(), loaded.config.get()), "", 0, options.defaults);
  return writer.take();
}

std::string content_hash(const Config& config) {
  std::uint64_t hash = 0xcbf29ce484222325;
  add_to_hash(dump_block(root_block(), &config), hash);
  return fmt::format("{:08x}", static_cast<std::uint32_t>(hash ^ (hash >> 32)));
}

}  // namespace outrigger::config
