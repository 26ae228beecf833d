#include "config/policy_values.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "config/blocks.h"
#include "config/flow_text.h"

namespace outrigger::config {
namespace {

// The first place at or below `path`; nullptr where nothing was written.
const Position* first_place(const Origins& origins, const std::string& path) {
  const Position* first = nullptr;
  for (auto it = origins.lower_bound(path); it != origins.end() && it->first.starts_with(path);
       ++it) {
    const char next = it->first.size() == path.size() ? '.' : it->first[path.size()];
    const Position& at = it->second.position;
    if ((next != '.' && next != '[') || at.line == 0) continue;
    const bool earlier =
        first == nullptr || std::tie(at.line, at.column) < std::tie(first->line, first->column);
    if (earlier) first = &at;
  }
  return first;
}

// Flattens the dumped values of one level.
class Flattener {
 public:
  // `levels` are the paths that may have written a value, the nearest first.
  Flattener(const Origins& origins, std::vector<std::string> levels)
      : origins_(origins), levels_(std::move(levels)) {}

  void policy(const Field& field, const Policies& policies) {
    if (std::optional<Node> node = field.dump(field, &policies)) {
      policy_ = field.key;
      add({}, *node);
    }
  }
  std::vector<PolicyValue> take() { return std::move(values_); }

 private:
  void add(const std::string& key, const Node& node) {
    if (node.is_map() && !node.whole && !node.members.empty()) {
      for (const Member& member : node.members) {
        add(key.empty() ? member.key : key + "." + member.key, member.value);
      }
    } else if (node.is_list() && std::ranges::any_of(node.members, is_no_scalar)) {
      for (std::size_t i = 0; i < node.members.size(); ++i) {
        leaf(fmt::format("{}[{}]", key, i), print_flow(node.members[i].value), key);
      }
    } else if (node.is_list()) {
      leaf(key, scalars(key, node), key);
    } else {
      const auto* written = find(path_of(key));
      leaf(key, node.is_scalar() ? print_scalar(node, reference(written)) : print_flow(node), key);
    }
  }

  static bool is_no_scalar(const Member& item) { return !item.value.is_scalar(); }

  // `whole` is the list that it is an item of, else the value itself: a level that wrote any of a
  // list wrote all of it.
  void leaf(const std::string& key, std::string value, const std::string& whole) {
    PolicyValue made{policy_, key, std::move(value), "built-in", false};
    for (const std::string& level : levels_) {
      const Position* list = first_place(origins_, level + path_of(whole));
      if (list == nullptr) continue;
      const Position* item = first_place(origins_, level + path_of(key));
      const Position& at = item != nullptr ? *item : *list;
      made.origin = fmt::format("{}:{}:{}", at.file, at.line, at.column);
      made.written = true;
      break;
    }
    values_.push_back(std::move(made));
  }

  // Each may be a secret, with a reference of its own.
  [[nodiscard]] std::string scalars(const std::string& key, const Node& list) const {
    std::string text;
    for (std::size_t i = 0; i < list.members.size(); ++i) {
      if (i != 0) text += ", ";
      text += print_scalar(list.members[i].value,
                           reference(find(fmt::format("{}[{}]", path_of(key), i))));
    }
    return "[" + text + "]";
  }

  [[nodiscard]] const ValueOrigin* find(const std::string& path) const {
    for (const std::string& level : levels_) {
      if (const auto found = origins_.find(level + path); found != origins_.end()) {
        return &found->second;
      }
    }
    return nullptr;
  }
  static std::string_view reference(const ValueOrigin* origin) {
    return origin == nullptr ? std::string_view{} : std::string_view(origin->reference);
  }
  [[nodiscard]] std::string path_of(const std::string& key) const {
    if (key.empty()) return "." + policy_;
    return "." + policy_ + (key.starts_with('[') ? "" : ".") + key;
  }

  const Origins& origins_;
  const std::vector<std::string> levels_;
  std::string policy_;
  std::vector<PolicyValue> values_;
};

}  // namespace

std::vector<PolicyValue> policy_values(const Loaded& loaded, std::size_t upstream,
                                       std::optional<std::size_t> route) {
  const Upstream& of = loaded.config->upstreams.at(upstream);
  std::vector<std::string> levels = {"upstreams." + of.name};
  if (route) levels.insert(levels.begin(), fmt::format("{}.routes[{}]", levels.front(), *route));
  const Policies& policies = route ? of.routes.at(*route).policies : of.policies;
  Flattener flattener(loaded.origins, std::move(levels));
  for (const Field& field : kPolicyFields) flattener.policy(field, policies);
  return flattener.take();
}

}  // namespace outrigger::config
