// What an answer to a prompt turned out to be, gathered from one JSON or from the events of a
// stream: whether every choice says something and came to a natural end (durability 3 item 21).
// Pure.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "config/cache_policies.h"
#include "filters/cache/answer_bar.h"
#include "proxy/base/json_checker.h"

namespace outrigger::filters {

class AnswerTally {
 public:
  explicit AnswerTally(const config::Cache& policy) noexcept : tool_calls_(policy.tool_calls) {}

  // The first bar stays.
  void refuse(AnswerBar bar) noexcept {
    if (!bar_) bar_ = bar;
  }
  // A choice is there; by its index, which is the upstream's word.
  void see(std::uint64_t choice);
  // It holds that text, as it stands between its quotes; white space says nothing.
  void say(std::uint64_t choice, std::string_view text);
  // It holds something else that is output.
  void say(std::uint64_t choice);
  // Why it ended, in the words of whatever provider.
  void end(std::uint64_t choice, std::string_view reason);
  // It calls a tool.
  void call(std::uint64_t choice);
  // The same, with a piece of its arguments: a text of JSON, as it stands between its quotes. They
  // must be an object in the end.
  void call(std::uint64_t choice, std::uint64_t which, std::string_view arguments);

  [[nodiscard]] std::optional<AnswerBar> bar() const noexcept { return bar_; }
  // The answer is over.
  [[nodiscard]] std::optional<AnswerBar> verdict() const noexcept;

 private:
  static constexpr std::size_t kMostChoices = 128;  // OpenAI's greatest n
  static constexpr std::size_t kMostCalls = 256;
  struct Arguments {
    std::uint64_t choice = 0, which = 0;
    bool object = false;
    bool broken = false;
    JsonChecker checker = {};
    void feed(std::string_view piece) noexcept;
    void feed_escaped(std::string_view raw) noexcept;
  };

  bool tool_calls_;
  std::optional<AnswerBar> bar_;
  std::bitset<kMostChoices> seen_, said_, ended_;
  std::vector<Arguments> arguments_;
};

}  // namespace outrigger::filters
