// Stripe's idempotency: the first answer of a key is kept and given again, so that a repeated call
// is not executed twice (llm 2.4, Stripe). Bounded: the oldest keys go. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>

#include "proxy/mock/answer.h"

namespace outrigger::mock {

class SavedAnswers {
 public:
  static constexpr std::size_t kMostKeys = 1000;

  enum class Found : std::uint8_t {
    kNew,      // the key is taken now: save() or forget() it
    kInUse,    // its first request has no answer yet
    kSaved,    // answered: `answer` is what was saved
    kChanged,  // the same key with other parameters
  };
  struct Lookup {
    Found found = Found::kNew;
    const Answer* answer = nullptr;  // valid until the next call
  };
  Lookup begin(const std::string& key, std::uint64_t parameters);
  // The answer of a key that was begun; it is found only after release().
  void save(const std::string& key, const Answer& answer);
  // The first request of the key is over; without an answer the key is free again.
  void release(const std::string& key);
  void reset();

 private:
  struct Entry {
    std::uint64_t parameters = 0;
    bool open = true;
    bool saved = false;
    Answer answer;
  };
  std::unordered_map<std::string, Entry> entries_;
  std::deque<std::string> order_;
};

}  // namespace outrigger::mock
