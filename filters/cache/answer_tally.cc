#include "filters/cache/answer_tally.h"

#include <algorithm>
#include <charconv>

namespace outrigger::filters {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

struct Reason {
  std::string_view name;
  std::optional<AnswerBar> bar;
};

// OpenAI, Anthropic, Gemini, Cohere, Bedrock with its models, Ollama, and vLLM's kin: no word means
// two things. What is not among them is no natural end.
constexpr Reason kReasons[] = {
    {"stop", std::nullopt},
    {"STOP", std::nullopt},
    {"end_turn", std::nullopt},
    {"stop_sequence", std::nullopt},
    {"STOP_SEQUENCE", std::nullopt},
    {"COMPLETE", std::nullopt},
    {"completed", std::nullopt},  // the status of Responses
    {"FINISH", std::nullopt},     // Titan
    {"FINISHED", std::nullopt},
    {"endoftext", std::nullopt},  // Jurassic
    {"eos", std::nullopt},
    {"eos_token", std::nullopt},
    {"tool_calls", AnswerBar::kToolCalls},
    {"function_call", AnswerBar::kToolCalls},
    {"tool_use", AnswerBar::kToolCalls},
    {"TOOL_CALL", AnswerBar::kToolCalls},
    {"content_filter", AnswerBar::kFiltered},
    {"content_filtered", AnswerBar::kFiltered},
    {"CONTENT_FILTERED", AnswerBar::kFiltered},
    {"guardrail_intervened", AnswerBar::kFiltered},
    {"SAFETY", AnswerBar::kFiltered},
    {"RECITATION", AnswerBar::kFiltered},
    {"BLOCKLIST", AnswerBar::kFiltered},
    {"PROHIBITED_CONTENT", AnswerBar::kFiltered},
    {"SPII", AnswerBar::kFiltered},
    {"IMAGE_SAFETY", AnswerBar::kFiltered},
    {"refusal", AnswerBar::kRefusal},
    {"error", AnswerBar::kError},
    {"failed", AnswerBar::kError},
    {"ERROR", AnswerBar::kError},
    {"ERROR_TOXIC", AnswerBar::kError},
    {"TIMEOUT", AnswerBar::kError},
    {"MALFORMED_FUNCTION_CALL", AnswerBar::kBrokenCall},
    {"UNEXPECTED_TOOL_CALL", AnswerBar::kBrokenCall},
};

std::optional<AnswerBar> bar_of(std::string_view reason) noexcept {
  const Reason* const found = std::ranges::find(kReasons, reason, &Reason::name);
  return found == std::end(kReasons) ? AnswerBar::kUnfinished : found->bar;
}

bool is_blank(std::string_view raw) noexcept {
  while (!raw.empty()) {
    const bool escaped =
        raw.size() > 1 && raw[0] == '\\' && std::string_view("tnr").contains(raw[1]);
    if (!escaped && !kSpace.contains(raw.front())) return false;
    raw.remove_prefix(escaped ? 2 : 1);
  }
  return true;
}

// What an escape stands for, as far as the grammar of JSON asks: beyond ASCII one byte is like
// another.
char meaning_of(std::string_view escape) noexcept {
  switch (escape[1]) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'u':
      break;
    default:
      return escape[1];
  }
  unsigned unit = 0;
  std::from_chars(escape.data() + 2, escape.data() + escape.size(), unit, 16);
  return unit < 0x80 ? static_cast<char>(unit) : '\x80';
}

}  // namespace

void AnswerTally::see(std::uint64_t choice) {
  if (choice >= kMostChoices) return refuse(AnswerBar::kMalformed);
  seen_.set(choice);
}

void AnswerTally::say(std::uint64_t choice, std::string_view text) {
  see(choice);
  if (!is_blank(text)) say(choice);
}

void AnswerTally::say(std::uint64_t choice) {
  see(choice);
  if (choice < kMostChoices) said_.set(choice);
}

void AnswerTally::end(std::uint64_t choice, std::string_view reason) {
  see(choice);
  if (choice < kMostChoices) ended_.set(choice);
  const std::optional<AnswerBar> bar = bar_of(reason);
  if (bar && !(bar == AnswerBar::kToolCalls && tool_calls_)) refuse(*bar);
}

void AnswerTally::call(std::uint64_t choice) {
  say(choice);
  if (!tool_calls_) refuse(AnswerBar::kToolCalls);
}

void AnswerTally::call(std::uint64_t choice, std::uint64_t which, std::string_view arguments) {
  call(choice);
  if (bar_) return;
  auto mine = std::ranges::find_if(arguments_, [&](const Arguments& other) {
    return other.choice == choice && other.which == which;
  });
  if (mine == arguments_.end()) {
    if (arguments_.size() == kMostCalls) return refuse(AnswerBar::kMalformed);
    mine = arguments_.insert(mine, Arguments{.choice = choice, .which = which});
  }
  mine->feed_escaped(arguments);
}

std::optional<AnswerBar> AnswerTally::verdict() const noexcept {
  if (bar_) return bar_;
  if (seen_.none()) return AnswerBar::kEmpty;
  if (seen_ != ended_) return AnswerBar::kUnfinished;
  if (seen_ != said_) return AnswerBar::kEmpty;
  const bool sound = std::ranges::all_of(
      arguments_, [](const Arguments& each) { return !each.broken && each.checker.finish(); });
  return sound ? std::nullopt : std::optional(AnswerBar::kBrokenCall);
}

void AnswerTally::Arguments::feed(std::string_view piece) noexcept {
  const std::size_t first = piece.find_first_not_of(kSpace);
  if (checker.state() == JsonChecker::State::kMore && !object && first != std::string_view::npos) {
    object = piece[first] == '{';
    broken = broken || !object;
  }
  const std::string_view rest = piece.substr(checker.feed(piece));
  if (rest.find_first_not_of(kSpace) != std::string_view::npos) broken = true;
}

// The text is a string of JSON that is well-formed: no escape is cut.
void AnswerTally::Arguments::feed_escaped(std::string_view raw) noexcept {
  while (!raw.empty()) {
    const std::size_t plain = std::min(raw.find('\\'), raw.size());
    feed(raw.substr(0, plain));
    raw.remove_prefix(plain);
    if (raw.empty()) return;
    const std::size_t length = raw[1] == 'u' ? 6 : 2;
    const char meaning = meaning_of(raw.substr(0, length));
    feed({&meaning, 1});
    raw.remove_prefix(length);
  }
}

}  // namespace outrigger::filters
