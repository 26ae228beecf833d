// What clients and an upstream have seen of a dozen keys, and what they must never see
// (durability 5.1): the oracle of the fault sweep. It counts an effect for each sending that could
// have had one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "filters/idempotency/question.h"
#include "filters/idempotency/record.h"

namespace outrigger::filters {

struct KeyHistory {
  std::string name;
  RecordRules rules;
  std::uint32_t effects = 0;             // that may have happened
  std::int64_t first_sent_ms = 0;        // as far as the upstream remembers the key
  std::vector<std::string> given = {};   // whole answers that the ledger was given
  std::optional<std::string> told = {};  // the one that a client has in whole
  bool kept = true;                      // `told` is not too long
  std::int64_t over_ms = 0;              // of what was given last
  Record seen = {};                      // the last one that was said to be on disk
};

class History {
 public:
  History();

  [[nodiscard]] std::vector<KeyHistory>& keys() { return keys_; }
  [[nodiscard]] const std::vector<std::string>& wrong() const { return wrong_; }
  void say(const KeyHistory& key, const std::string& what);

  // What a request was told by the ledger. `now_ms`: the latest that the ledger's clock has been.
  void asked(KeyHistory& key, const Found& found, std::int64_t now_ms);
  // The record that a step led to, and which is on disk where it must be.
  void stepped(KeyHistory& key, const Step& step);
  // A person says that nothing has happened so far.
  static void resubmitted(KeyHistory& key);
  // A request that leaves the proxy; whether it can have an effect.
  enum class Effect : std::uint8_t { kNone, kPossible };
  void sent(KeyHistory& key, Effect effect, std::int64_t now_ms);
  // An answer that the ledger is given, and one that it says is there.
  void given(KeyHistory& key, const std::string& body, std::int64_t now_ms);
  void told(KeyHistory& key, const std::string& body, bool kept);
  // An answer that a repetition was given.
  void replayed(KeyHistory& key, const std::string& body);

 private:
  void begin_anew(KeyHistory& key);

  std::vector<KeyHistory> keys_;
  std::vector<std::string> wrong_;
};

}  // namespace outrigger::filters
