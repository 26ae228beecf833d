// Every order in which a record, its disk, its upstream and the crashes of its process can meet,
// with a driver that takes any step the machine allows: durability 5.2, layer L0. The invariants
// are those of durability 5.1: an answer that was given is kept (I1), nothing happens twice (I2),
// only legal ways with epoch and attempt monotone (I5), nothing stays dispatched over a restart
// (I6).
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "filters/idempotency/record.h"
#include "filters/idempotency/reply.h"

namespace outrigger::filters {
namespace {

using testing::HasSubstr;

// One unit of time is what settles: a request that is on its way arrives within it or never, and
// what was executed can be seen by a probe after it.
constexpr std::int64_t kSettle = 1;
constexpr std::int64_t kHorizon = 2;
constexpr std::int64_t kLastTime = 4;
constexpr std::uint8_t kMostSends = 3;
constexpr std::uint8_t kMostCrashes = 2;
constexpr std::size_t kMostUnwritten = 2;

enum class Upstream : std::uint8_t { kHonoursKeys, kHonoursKeysForATime, kIgnoresKeys };

// A request on its way to the upstream, and what has become of it.
enum class Wire : std::uint8_t { kNone, kTravelling, kExecuted, kRejected, kVanished };

struct World {
  Record disk, live;
  std::vector<Record> unwritten;  // in order, on their way to the disk
  std::array<Wire, kMostSends> wires = {};
  bool connected = false;   // to the wire that was sent last
  bool send_waits = false;  // for the disk
  std::int64_t send_before = 0;
  bool told = false;     // a client has a whole answer
  std::int64_t now = 1;  // 0 is never
  std::int64_t effect_at = 0;
  std::uint8_t sends = 0, crashes = 0, effects = 0;

  // All of it; every number here fits a byte.
  [[nodiscard]] std::string key() const {
    std::string bytes;
    const auto push = [&](auto... each) { (bytes.push_back(static_cast<char>(each)), ...); };
    const auto push_record = [&](const Record& record) {
      push(record.state, record.attempt, record.probes, record.negatives, record.epoch,
           record.first_sent_ms, record.lost_ms, record.expires_ms, record.promised,
           record.doubtful);
    };
    push_record(disk);
    push_record(live);
    for (const Record& record : unwritten) push_record(record);
    for (const Wire wire : wires) push(wire);
    push(connected, send_waits, send_before, told, now, effect_at, sends, crashes, effects);
    return bytes;
  }
};

class Search {
 public:
  Search(Upstream upstream, RecordRules rules) : upstream_(upstream), rules_(rules) {}

  // The first violation with the way to it; empty: there is none.
  std::string run() {
    visit(World{});
    return found_;
  }
  [[nodiscard]] std::size_t worlds() const { return seen_.size(); }
  [[nodiscard]] const std::set<RecordState>& states() const { return states_; }

 private:
  void visit(const World& world) {
    if (!found_.empty() || !seen_.insert(world.key()).second) return;
    states_.insert(world.live.state);
    client_moves(world);
    attempt_moves(world);
    probe_moves(world);
    upstream_moves(world);
    disk_moves(world);
    if (world.now < kLastTime) time_moves(world);
    if (world.crashes < kMostCrashes) crash(world);
  }

  void go(std::string_view move, const World& before, const World& after) {
    if (!found_.empty()) return;
    path_.emplace_back(move);
    const std::string wrong = check(before, after);
    if (!wrong.empty()) {
      found_ = fmt::format("{} after: {}", wrong, fmt::join(path_, ", "));
    } else {
      visit(after);
    }
    path_.pop_back();
  }

  std::string check(const World& before, const World& after) const {
    if (after.effects > 1 && rules_.replay != config::Replay::kSafe) return "it happens twice";
    if (falls(before.disk, after.disk)) return "the disk goes back";
    if (after.crashes == before.crashes && falls(before.live, after.live)) return "it goes back";
    if (is_in_flight(after.live.state) && after.live.epoch != epoch_of(after)) {
      return "somebody else's record is at work";
    }
    if (!after.told) return "";
    if (reply_to(after.live, Sameness::kSame, rules_, after.now) != Reply::kReplay ||
        after.disk.state != RecordState::kCompleted) {
      return "an answer that a client has is not kept";
    }
    return "";
  }

  static bool falls(const Record& before, const Record& after) {
    return after.epoch < before.epoch || after.attempt < before.attempt;
  }

  // A step of the machine, when it allows it. What waits for the disk says so.
  enum class Then : std::uint8_t { kNothing, kSend, kTell };
  void step(RecordEvent event, const World& world, Then then = Then::kNothing,
            bool disconnects = false) {
    if (world.send_waits || world.unwritten.size() >= kMostUnwritten) return;
    if (then == Then::kSend && world.sends >= kMostSends) return;
    const auto taken =
        next(world.live, {event, world.now, epoch_of(world), world.live.attempt}, rules_);
    if (!taken) return;
    World after = world;
    after.live = taken->record;
    if (taken->barrier != Barrier::kNone) after.unwritten.push_back(taken->record);
    if (disconnects) after.connected = false;
    if (then == Then::kSend) {
      after.connected = false;
      after.send_waits = true;
      after.send_before = taken->send_before_ms;
      if (taken->barrier != Barrier::kSynced) send(after);
    }
    go(names_[static_cast<std::size_t>(event)], world, after);
  }

  void client_moves(const World& world) {
    if (reply_to(world.live, Sameness::kSame, rules_, world.now) == Reply::kExecute) {
      step(RecordEvent::kClaim, world);
    }
    step(RecordEvent::kAbandon, world);
    if (world.live.state == RecordState::kClaimed) step(RecordEvent::kSend, world, Then::kSend);
    const bool on_disk = world.unwritten.empty() && world.disk == world.live;
    if (world.live.state == RecordState::kCompleted && on_disk && !world.told) {
      World after = world;
      after.told = true;
      go("tell", world, after);
    }
  }

  // What the proxy learns by the connection is true.
  void attempt_moves(const World& world) {
    const bool running = world.live.state == RecordState::kDispatched ||
                         world.live.state == RecordState::kResponding;
    if (!running || world.sends == 0 || world.send_waits) return;
    step(RecordEvent::kLost, world, Then::kNothing, true);
    if (!world.connected) return;
    const Wire wire = world.wires[world.sends - 1];
    if (wire == Wire::kRejected) {
      step(RecordEvent::kHead, world);
      step(RecordEvent::kUnexecuted, world, Then::kNothing, true);
      step(RecordEvent::kSendUnexecuted, world, Then::kSend);
      step(RecordEvent::kExhausted, world, Then::kNothing, true);
    }
    if (wire == Wire::kExecuted) {
      step(RecordEvent::kHead, world);
      step(RecordEvent::kWhole, world, Then::kNothing, true);
      step(RecordEvent::kSendRefused, world, Then::kSend);  // it did, and answered with a 503
      step(RecordEvent::kExhausted, world, Then::kNothing, true);
    }
  }

  void probe_moves(const World& world) {
    if (world.live.state == RecordState::kUnknown) {
      step(RecordEvent::kProbe, world);
      step(RecordEvent::kSendUnknown, world, Then::kSend);
      step(RecordEvent::kGiveUp, world);
    }
    if (world.live.state != RecordState::kVerifying) return;
    step(RecordEvent::kUnclear, world);
    if (world.effects > 0) step(RecordEvent::kFound, world);
    const bool visible = world.effects > 0 && world.now - world.effect_at >= kSettle;
    if (!visible) step(RecordEvent::kNotFound, world);
  }

  void upstream_moves(const World& world) {
    for (std::size_t i = 0; i < world.sends; ++i) {
      if (world.wires[i] != Wire::kTravelling) continue;
      World executed = world;
      executed.wires[i] = Wire::kExecuted;
      if (!remembers(world)) {
        ++executed.effects;
        executed.effect_at = world.now;
      }
      go(fmt::format("execute {}", i + 1), world, executed);
      World rejected = world;
      rejected.wires[i] = Wire::kRejected;
      go(fmt::format("reject {}", i + 1), world, rejected);
    }
  }

  [[nodiscard]] bool remembers(const World& world) const {
    if (world.effects == 0 || upstream_ == Upstream::kIgnoresKeys) return false;
    return upstream_ == Upstream::kHonoursKeys || world.now - world.effect_at < kHorizon;
  }

  static void send(World& world) {
    world.send_waits = false;
    world.send_before = 0;
    world.wires[world.sends++] = Wire::kTravelling;
    world.connected = true;
  }

  void disk_moves(const World& world) {
    if (!world.unwritten.empty()) {
      World after = world;
      after.disk = after.unwritten.front();
      after.unwritten.erase(after.unwritten.begin());
      go("write", world, after);
    } else if (world.send_waits) {
      World after = world;
      if (world.send_before != 0 && world.now >= world.send_before) {
        after.send_waits = false;
        step(RecordEvent::kLost, after);
      } else {
        send(after);
        go("go on", world, after);
      }
    }
  }

  void time_moves(const World& world) {
    World after = world;
    ++after.now;
    for (Wire& wire : after.wires) {
      if (wire == Wire::kTravelling) wire = Wire::kVanished;
    }
    go("wait", world, after);
  }

  void crash(const World& world) {
    World after = world;
    ++after.crashes;
    after.connected = after.send_waits = false;
    after.unwritten.clear();
    after.live = after.disk;
    const auto restarted =
        next(after.disk, {RecordEvent::kRestart, world.now, epoch_of(after)}, rules_);
    if (restarted) after.live = restarted->record;
    if (restarted && restarted->barrier != Barrier::kNone) after.unwritten.push_back(after.live);
    go("crash", world, after);
  }

  static std::uint64_t epoch_of(const World& world) { return 1u + world.crashes; }

  static constexpr std::array<std::string_view, kRecordEvents> names_ = {
      "claim",        "promise", "abandon", "send",         "unexecuted", "send unexecuted",
      "send refused", "head",    "whole",   "lost",         "exhausted",  "probe",
      "found",        "absent",  "unclear", "send unknown", "give up",    "resubmit",
      "edit",         "discard", "expire",  "restart"};

  const Upstream upstream_;
  const RecordRules rules_;
  std::unordered_set<std::string> seen_;
  std::set<RecordState> states_;
  std::vector<std::string> path_;
  std::string found_;
};

RecordRules rules_of(config::Replay replay, bool can_probe) {
  return {.replay = replay,
          .can_probe = can_probe,
          .most_probes = 3,
          .settle_ms = kSettle,
          .horizon_ms = kHorizon};
}

struct Case {
  std::string_view name;
  Upstream upstream;
  config::Replay replay;
  bool can_probe;
};
void PrintTo(const Case& each, std::ostream* out) {
  *out << each.name;
}

class EveryOrder : public testing::TestWithParam<Case> {};

TEST_P(EveryOrder, KeepsItsInvariants) {
  const Case& each = GetParam();
  Search search(each.upstream, rules_of(each.replay, each.can_probe));
  EXPECT_EQ(search.run(), "");
  RecordProperty("worlds", static_cast<int>(search.worlds()));
  fmt::print("{} worlds\n", search.worlds());
  for (const RecordState state : {RecordState::kCompleted, RecordState::kReleased,
                                  RecordState::kUnknown, RecordState::kDead}) {
    EXPECT_TRUE(search.states().contains(state)) << to_string(state) << " is never reached";
  }
  EXPECT_EQ(search.states().contains(RecordState::kVerifying), each.can_probe);
}

INSTANTIATE_TEST_SUITE_P(
    Of, EveryOrder,
    testing::Values(
        Case{"safe", Upstream::kIgnoresKeys, config::Replay::kSafe, false},
        Case{"keyed", Upstream::kHonoursKeys, config::Replay::kKeyed, false},
        Case{"keyed_horizon", Upstream::kHonoursKeysForATime, config::Replay::kKeyed, false},
        Case{"keyed_probe", Upstream::kHonoursKeysForATime, config::Replay::kKeyed, true},
        Case{"verify", Upstream::kIgnoresKeys, config::Replay::kVerify, true},
        Case{"unsent", Upstream::kIgnoresKeys, config::Replay::kUnsent, false},
        Case{"never", Upstream::kIgnoresKeys, config::Replay::kNever, false}),
    [](const auto& each) { return std::string(each.param.name); });

// What is wrong with a route, the search would see: it is said to be what it is not.
TEST(RecordSearch, FindsTheDoubleOfAnUpstreamThatIgnoresItsKey) {
  Search search(Upstream::kIgnoresKeys, rules_of(config::Replay::kKeyed, false));
  EXPECT_THAT(search.run(), HasSubstr("it happens twice"));
}

TEST(RecordSearch, FindsTheDoubleOfAHorizonThatIsTooLong) {
  RecordRules rules = rules_of(config::Replay::kKeyed, false);
  rules.horizon_ms = kHorizon + 1;
  Search search(Upstream::kHonoursKeysForATime, rules);
  EXPECT_THAT(search.run(), HasSubstr("it happens twice"));
}

TEST(RecordSearch, FindsTheDoubleOfAProbeThatIsBelievedTooEarly) {
  RecordRules rules = rules_of(config::Replay::kVerify, true);
  rules.settle_ms = 0;
  Search search(Upstream::kIgnoresKeys, rules);
  EXPECT_THAT(search.run(), HasSubstr("it happens twice"));
}

}  // namespace
}  // namespace outrigger::filters
