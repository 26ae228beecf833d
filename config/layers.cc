#include "config/layers.h"

#include <algorithm>

#include <fmt/format.h>

#include "config/profiles.h"
#include "config/suggest.h"
#include "config/yaml_reader.h"

namespace outrigger::config {
namespace {

constexpr std::size_t kMaxProfiles = 16;  // in one chain

const Node* map_at(const Node& root, std::string_view key) {
  const Member* member = root.find(key);
  return member != nullptr && member->value.is_map() ? &member->value : nullptr;
}

}  // namespace

Layers::Layers(const Node& root, Reporter& reporter)
    : reporter_(reporter),
      defaults_(map_at(root, "defaults")),
      profiles_(map_at(root, "profiles")) {}

const std::vector<Member>& Layers::own_profiles() const noexcept {
  static const std::vector<Member> kNone;
  return profiles_ == nullptr ? kNone : profiles_->members;
}

std::string Layers::built_in_under(std::string profile) const {
  for (std::size_t depth = 0; depth < kMaxProfiles; ++depth) {
    if (find_built_in_profile(profile) != nullptr) return profile;
    const Member* own = profiles_ == nullptr ? nullptr : profiles_->find(profile);
    const Member* parent = own == nullptr ? nullptr : own->value.find("use");
    if (parent == nullptr) break;
    profile = parent->value.text;
  }
  return {};
}

bool Layers::knows(const std::string& profile) const {
  return find_built_in_profile(profile) != nullptr ||
         (profiles_ != nullptr && profiles_->find(profile) != nullptr);
}

const Node* Layers::find(const std::string& name) {
  if (find_built_in_profile(name) != nullptr) return parse_built_in(name);
  const Member* member = profiles_ == nullptr ? nullptr : profiles_->find(name);
  return member == nullptr ? nullptr : &member->value;
}

const Node* Layers::parse_built_in(const std::string& name) {
  const auto known = built_in_.find(name);
  if (known != built_in_.end()) return &known->second;
  const BuiltInProfile* profile = find_built_in_profile(name);
  const Source& source =
      sources_.emplace_back(fmt::format("<profile {}>", name), std::string(profile->text));
  auto node = read_yaml(source, reporter_);
  return &built_in_.emplace(name, node ? std::move(*node) : Node::map()).first->second;
}

std::vector<const Node*> Layers::profiles_of(const Node& use) {
  std::vector<const Node*> chain;
  const Node* next = &use;
  while (next != nullptr && next->is_scalar()) {
    const Node* profile = find(next->text);
    if (profile == nullptr) {
      report_unknown(*next);
      break;
    }
    used_.insert(next->text);
    if (std::ranges::find(chain, profile) != chain.end()) {
      reporter_.error(Code::kProfileCycle, *next,
                      fmt::format("profile {} uses itself in the end", next->quote()),
                      "remove one `use`");
      break;
    }
    if (chain.size() == kMaxProfiles) {
      reporter_.error(Code::kBounds, *next,
                      fmt::format("more than {} profiles build on each other", kMaxProfiles));
      break;
    }
    chain.push_back(profile);
    const Member* parent = profile->find("use");
    next = parent == nullptr ? nullptr : &parent->value;
  }
  std::ranges::reverse(chain);
  return chain;
}

void Layers::report_unknown(const Node& use) {
  std::vector<std::string_view> names;
  for (const Member& profile : own_profiles()) names.push_back(profile.key);
  for (const BuiltInProfile& profile : built_in_profiles()) names.push_back(profile.name);
  const std::string_view near = nearest(use.text, names);
  std::string all;
  for (const BuiltInProfile& profile : built_in_profiles()) {
    all += fmt::format("{}{}", all.empty() ? "built in: " : ", ", profile.name);
  }
  reporter_.error(Code::kUnknownProfile, use, fmt::format("there is no profile {}", use.quote()),
                  near.empty() ? all : fmt::format("did you mean \"{}\"?", near));
}

}  // namespace outrigger::config
