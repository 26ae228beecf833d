// The layers of an upstream: `defaults`, then the profiles that it uses from the widest to the
// narrowest, then its own block (DESIGN 4). Built-in profiles are parsed when they are first used.
#pragma once

#include <list>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "config/reporter.h"
#include "config/source.h"

namespace outrigger::config {

class Layers {
 public:
  // `root` is the whole file and must outlive this. Reports nothing yet.
  Layers(const Node& root, Reporter& reporter);

  // The profiles behind `use: name`, widest first. Reports an unknown profile and a cycle at `use`,
  // where the name is written, and returns what was found.
  std::vector<const Node*> profiles_of(const Node& use);

  // The block `defaults`, or nullptr.
  [[nodiscard]] const Node* defaults() const noexcept { return defaults_; }
  // The profiles of the file by name.
  [[nodiscard]] const std::vector<Member>& own_profiles() const noexcept;
  // The built-in profile that `profile` is or builds on in the end; empty when there is none.
  [[nodiscard]] std::string built_in_under(std::string profile) const;
  [[nodiscard]] bool knows(const std::string& profile) const;
  [[nodiscard]] bool was_used(const std::string& profile) const { return used_.contains(profile); }

 private:
  const Node* find(const std::string& name);
  const Node* parse_built_in(const std::string& name);
  void report_unknown(const Node& use);

  Reporter& reporter_;
  const Node* defaults_ = nullptr;
  const Node* profiles_ = nullptr;
  std::map<std::string, Node> built_in_;
  std::set<std::string> used_;
  std::list<Source> sources_;  // of the built-in profiles; places point here
};

}  // namespace outrigger::config
