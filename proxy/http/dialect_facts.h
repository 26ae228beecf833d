// What the JSON of one stream event says that any dialect asks for (llm 2.3): found in one walk,
// without a tree. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace outrigger::http {

// A set of small numbers: the choices of an answer.
class ChoiceSet {
 public:
  static constexpr std::uint64_t kSize = 128;  // OpenAI's greatest n
  // False when the set cannot hold it.
  bool add(std::uint64_t choice) noexcept {
    if (choice >= kSize) return false;
    words_[choice / 64] |= std::uint64_t{1} << (choice % 64);
    return true;
  }
  void add(const ChoiceSet& others) noexcept {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= others.words_[i];
  }
  [[nodiscard]] bool empty() const noexcept { return (words_[0] | words_[1]) == 0; }
  bool operator==(const ChoiceSet&) const = default;

 private:
  std::array<std::uint64_t, kSize / 64> words_{};
};

// Views point into the event.
struct EventFacts {
  bool object = false;                    // one whole JSON object, and nothing else
  std::string_view type;                  // `type`
  std::string_view object_name;           // `object`
  std::optional<std::uint64_t> sequence;  // `sequence_number`
  bool error = false;                     // `error`, and it is not null
  bool numeric_error = false;             // it has a number for its code
  bool message = false;                   // `message` is a text
  bool choices = false;                   // OpenAI's `choices`
  bool candidates = false;         // Gemini's `candidates`, `promptFeedback` or `usageMetadata`
  bool output = false;             // a choice or a candidate holds output: not just a role
  bool unreadable_choice = false;  // one with an index that a ChoiceSet cannot hold
  ChoiceSet seen;
  ChoiceSet finished;             // with a finish_reason
  bool finish_reason = false;     // of a candidate
  bool blocked = false;           // promptFeedback.blockReason
  std::string_view delta_finish;  // delta.finish_reason (Cohere)
  bool content = false;           // `content_block` or `delta` hold more than their type
  bool done_known = false;        // has `done` (Ollama)
  bool done = false;              // and it is true
  std::string_view bytes;         // of a chunk of Bedrock: base64
  // Something that ends an answer, at the top or in `delta` or an element of `outputs`: Bedrock's
  // invocation metrics, or a reason to stop that is not null.
  bool stop = false;
};

// False when `json` is no whole object; what was found before the defect stands.
bool read_facts(std::string_view json, EventFacts& facts) noexcept;

}  // namespace outrigger::http
