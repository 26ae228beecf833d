#include "config/classify_codec.h"

#include <algorithm>

#include <fmt/format.h>

#include "config/blocks.h"
#include "config/rule_cover.h"

namespace outrigger::config {
namespace {

bool same(const Node& a, const Node& b) {
  return a.kind == b.kind && a.text == b.text &&
         std::ranges::equal(a.members, b.members, [](const Member& left, const Member& right) {
           return left.key == right.key && same(left.value, right.value);
         });
}

// False after a report that the rule says nothing or of nothing.
bool is_complete(Decoder& decoder, const Node& node, const ClassifyRule& rule) {
  if (node.find("verdict") == nullptr) {
    decoder.error(Code::kRule, node, fmt::format("{} has no verdict", decoder.path()),
                  "add verdict: transient, or another");
    return false;
  }
  if (rule.verdict == Verdict::kCancelled) {
    decoder.error(Code::kRule, node.find("verdict")->value,
                  "\"cancelled\" is not for a rule: no answer means that nobody waits for it",
                  "write another verdict");
    return false;
  }
  constexpr std::string_view kConditions[] = {"status", "error",   "message",  "header",
                                              "json",   "failure", "in_stream"};
  // Written but wrong counts: it was reported.
  const bool conditional = std::ranges::any_of(
      kConditions, [&](std::string_view key) { return node.find(key) != nullptr; });
  if (conditional && has_condition(rule)) return true;
  if (!conditional) {
    decoder.error(Code::kRule, node, fmt::format("{} has no condition", decoder.path()),
                  "add status, error, message, header, json, failure or in_stream");
  } else {
    // An empty list, or a condition that was refused.
    decoder.error(Code::kRule, node, fmt::format("{} has only empty conditions", decoder.path()),
                  "name at least one value");
  }
  return false;
}

void warn_of_unreachable(Decoder& decoder, const Node& list,
                         const std::vector<ClassifyRule>& rules) {
  constexpr std::size_t kCompared = 500;  // beyond it pairs are not compared: the time is bounded
  for (std::size_t i = 1; i < std::min(rules.size(), kCompared); ++i) {
    std::size_t wider = 0;
    while (wider < i && !covers(rules[wider], rules[i])) ++wider;
    if (wider == i) continue;
    decoder.reporter().warning(
        Code::kUnreachableRule, list.members[i].value,
        fmt::format("{}[{}] is never asked: [{}] holds whenever it does", decoder.path(), i, wider),
        "move it up, or remove it");
  }
}

}  // namespace

void decode_classify(Decoder& decoder, const Field& self, const Node& node, void* object) {
  if (!node.is_list()) {
    decoder.error(Code::kWrongShape, node,
                  decoder.path() + " must be a list of rules, not " + node.quote(),
                  "write each rule as \"- {status: 429, verdict: throttled}\"");
    return;
  }
  auto& rules = static_cast<Policies*>(object)->classify;
  const Decoder::Items below = decoder.take_items(decoder.path());
  std::vector<ClassifyRule> all;
  bool complete = true;
  for (std::size_t i = 0; i < node.members.size(); ++i) {
    const Node& item = node.members[i].value;
    const Decoder::Scope scope(decoder, fmt::format("[{}]", i));
    ClassifyRule& rule = all.emplace_back();
    const std::size_t before = decoder.reporter().errors();
    decoder.block(self.type.element->block(), item, &rule);
    if (decoder.reporter().errors() != before) {
      complete = false;
    } else if (!is_complete(decoder, item, rule)) {
      complete = false;
    }
  }
  if (complete) warn_of_unreachable(decoder, node, all);
  const std::size_t own = all.size();
  const auto own_end = static_cast<std::ptrdiff_t>(own);
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (std::find(all.begin(), all.begin() + own_end, rules[i]) != all.begin() + own_end) continue;
    for (const auto& item : below) {
      if (item.first == i) decoder.put_item(decoder.path(), all.size(), item);
    }
    all.push_back(std::move(rules[i]));
  }
  rules = std::move(all);
  decoder.remember(node);
}

std::optional<Node> dump_classify(const Field& self, const void* object) {
  static const ClassifyRule kPlain;
  const Block& block = self.type.element->block();
  const Node plain = dump_block(block, &kPlain);
  Node list = Node::list();
  for (const ClassifyRule& rule : static_cast<const Policies*>(object)->classify) {
    Node map = Node::map();
    map.whole = true;
    for (Member& member : dump_block(block, &rule).members) {
      const Member* unset = plain.find(member.key);
      if (member.key != "verdict" && unset != nullptr && same(unset->value, member.value)) continue;
      map.add(std::move(member.key), std::move(member.value));
    }
    list.add({}, std::move(map));
  }
  return list;
}

}  // namespace outrigger::config
