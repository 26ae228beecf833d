#include "tests/unit/filters/idempotency_history.h"

#include <algorithm>
#include <utility>

namespace outrigger::filters {
namespace {

RecordRules rules_of(config::Replay replay) {
  RecordRules rules{.replay = replay};
  rules.settle_ms = 0;
  rules.horizon_ms = 50'000;
  rules.keep_ms = 100'000;
  rules.remember_ms = 1'000'000;
  return rules;
}

// The upstream's memory of the key, or the nature of the request, makes it harmless.
bool is_harmless(const KeyHistory& key, std::int64_t now_ms) {
  if (key.rules.replay == config::Replay::kSafe) return true;
  return key.rules.replay == config::Replay::kKeyed && key.first_sent_ms != 0 &&
         now_ms - key.first_sent_ms < key.rules.horizon_ms;
}

}  // namespace

History::History() {
  using enum config::Replay;
  const auto add = [&](std::string name, config::Replay replay) -> RecordRules& {
    keys_.push_back({.name = std::move(name), .rules = rules_of(replay)});
    return keys_.back().rules;
  };
  for (const char* name : {"unsent1", "unsent2", "unsent3"}) add(name, kUnsent);
  add("reusable", kUnsent).claims_tombstones = true;
  add("never", kNever);
  for (const char* name : {"keyed1", "keyed2"}) add(name, kKeyed);
  for (const char* name : {"safe1", "safe2"}) add(name, kSafe);
  for (const char* name : {"verify1", "verify2"}) add(name, kVerify).can_probe = true;
  add("later", kVerify);
}

void History::say(const KeyHistory& key, const std::string& what) {
  wrong_.push_back(key.name + ": " + what);
}

void History::begin_anew(KeyHistory& key) {
  key = {.name = key.name, .rules = key.rules};
}

void History::asked(KeyHistory& key, const Found& found, std::int64_t now_ms) {
  const bool over = !key.given.empty() && now_ms >= key.over_ms;
  const bool forgotten = over && now_ms >= key.over_ms + key.rules.remember_ms;
  const bool released = key.effects == 0 && key.given.empty();  // and then forgotten
  if (found.reply == Reply::kExecute &&
      (forgotten || released || (over && key.rules.claims_tombstones))) {
    begin_anew(key);
  }
  const bool known =
      key.seen.state != RecordState::kAbsent && key.rules.replay != config::Replay::kSafe;
  if (known && found.record.attempt < key.seen.attempt) say(key, "its attempts were forgotten");
  if (known && found.record.epoch < key.seen.epoch) say(key, "its epoch went back");
  if (!key.told) return;
  if (found.reply == Reply::kExecute) return say(key, "a client has its answer, and it is free");
  const Reply right = over || !key.kept ? Reply::kGone : Reply::kReplay;
  if (found.reply != right) {
    say(key, "a client has its answer, and another gets reply " +
                 std::to_string(static_cast<int>(found.reply)));
  }
}

void History::stepped(KeyHistory& key, const Step& step) {
  if (step.record.attempt < key.seen.attempt) say(key, "its attempts went back");
  if (step.barrier == Barrier::kSynced) key.seen = step.record;
}

void History::resubmitted(KeyHistory& key) {
  key.effects = 0;
  key.given.clear();
}

void History::sent(KeyHistory& key, Effect effect, std::int64_t now_ms) {
  if (key.effects > 0 && !is_harmless(key, now_ms)) say(key, "it is sent twice");
  if (effect == Effect::kNone) return;
  ++key.effects;
  if (key.first_sent_ms == 0) key.first_sent_ms = now_ms;
}

void History::given(KeyHistory& key, const std::string& body, std::int64_t now_ms) {
  key.given.push_back(body);
  key.over_ms = now_ms + key.rules.keep_ms;
}

void History::told(KeyHistory& key, const std::string& body, bool kept) {
  if (key.told) say(key, "two answers were kept");
  key.told = body;
  key.kept = kept;
}

void History::replayed(KeyHistory& key, const std::string& body) {
  if (key.told && body != *key.told) say(key, "its answer is another one when it is replayed");
  if (std::ranges::find(key.given, body) == key.given.end()) {
    say(key, "what is replayed was never a whole answer");
  }
}

}  // namespace outrigger::filters
