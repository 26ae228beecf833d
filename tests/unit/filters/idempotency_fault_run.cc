#include "tests/unit/filters/idempotency_fault_run.h"

#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "tests/unit/filters/idempotency_ledger_steps.h"

namespace outrigger::filters {
namespace {

constexpr std::string_view kFaults[] = {"no fault", "a refusal", "a short write", "a full disk",
                                        "a power cut"};

Attempt attempt_with(Phase phase, int status, Verdict verdict) {
  Attempt attempt;
  attempt.failed = status == 0;
  attempt.status = status;
  attempt.phase = phase;
  attempt.judged = true;
  attempt.verdict = verdict;
  return attempt;
}
Attempt probe_attempt() {
  Attempt attempt = attempt_with(Phase::kAnswered, 404, Verdict::kClientError);
  attempt.probe = true;
  return attempt;
}

}  // namespace

FaultRun::Outcome FaultRun::draw() {
  using enum Outcome;
  constexpr Outcome kAll[] = {kAbandoned, kShort, kShort,      kLong,       kLong,    kTooLong,
                              kLost,      kLost,  kUnexecuted, kUnexecuted, kRefused, kKilled};
  return kAll[random_() % std::size(kAll)];
}

std::string FaultRun::draw_body(Outcome outcome) {
  const std::size_t size = outcome == Outcome::kShort
                               ? random_() % 200
                               : StoredAnswer::kInline + 1 + random_() % (2 * StoredAnswer::kChunk);
  std::string body = std::to_string(random_());
  body.resize(std::max(size, body.size()), 'x');
  return body;
}

// ---- what a request does, as an Execution does it ----

Task<void> FaultRun::request(KeyHistory& key, Outcome outcome, Resolution resolution) {
  Question question = question_of(key.name, key.rules);
  question.request_id += std::to_string(++requests_);
  question.resolution = resolution;
  auto found = co_await process_.ledger().ask(process_.loop, std::move(question));
  if (dead() || !found) co_return;
  history_.asked(key, *found, latest_ms_);
  if (found->reply == Reply::kReplay) {
    if (const auto body = read(key, *found->answer)) history_.replayed(key, *body);
    if (found->lease != nullptr && random_() % 2 == 0) readers_.push_back({&key, *found});
  }
  if (found->reply != Reply::kExecute) co_return;
  co_await execute({.key = key,
                    .record = found->record,
                    .blob = found->blob,
                    .resubmits = found->record.state == RecordState::kResubmitting},
                   outcome);
}

Task<void> FaultRun::other_request(KeyHistory& key) {
  Question question = question_of(key.name, key.rules, std::to_string(random_()));
  auto found = co_await process_.ledger().ask(process_.loop, std::move(question));
  if (dead() || !found) co_return;
  if (found->reply == Reply::kExecute) {  // nobody has used it, or it is forgotten
    history_.asked(key, *found, latest_ms_);
    process_.ledger().leave(ledger_key(key.name), {{RecordEvent::kAbandon, wall_ms}}, key.rules);
  } else if (found->reply != Reply::kMismatch) {
    history_.say(key, "another request with the key is not refused");
  }
}

std::optional<std::string> FaultRun::read(const KeyHistory& key, const StoredAnswer& answer) {
  std::string body = answer.body;
  for (std::uint32_t i = 0; i < answer.chunks(); ++i) {
    const auto part = process_.ledger().read_chunk(answer.blob, i);
    if (!part && disk_.hit()) return std::nullopt;  // it is the disk that cannot be read
    if (!part) {
      history_.say(key, "a part of its answer is missing");
      return std::nullopt;
    }
    body += *part;
  }
  return body;
}

// Whatever has become of the key meanwhile: what is being read is there.
void FaultRun::read_on() {
  for (const auto& [key, found] : std::exchange(readers_, {})) {
    if (!dead()) (void)read(*key, *found.answer);
  }
}

Task<void> FaultRun::execute(Execution its, Outcome outcome) {
  if (outcome == Outcome::kAbandoned) co_return give_up(its);
  for (int sendings = 0; sendings < 2; ++sendings) {
    bool found = false;
    const bool sent = co_await send(its, outcome, found);
    if (dead()) co_return;
    if (found) co_return co_await complete(its, Outcome::kShort, ExecutionEnd::kFound);
    if (!sent) co_return give_up(its);
    switch (outcome) {
      case Outcome::kKilled:
        co_return;
      case Outcome::kLost:
        its.attempts.push_back(attempt_with(Phase::kFullyWritten, 0, Verdict::kTimeout));
        break;
      case Outcome::kUnexecuted:
        its.attempts.push_back(attempt_with(Phase::kAnswered, 429, Verdict::kThrottled));
        break;
      case Outcome::kRefused:
        its.attempts.push_back(attempt_with(Phase::kAnswered, 500, Verdict::kTransient));
        break;
      default:
        its.attempts.push_back(attempt_with(Phase::kAnswered, 200, Verdict::kOk));
        co_return co_await complete(its, outcome, ExecutionEnd::kKept);
    }
  }
  give_up(its);
}

// Asks the upstream first where that is the way: then `found` may say that there is an answer.
Task<bool> FaultRun::send(Execution& its, Outcome outcome, bool& found) {
  KeyHistory& key = its.key;
  if (key.rules.replay == config::Replay::kSafe) co_return true;  // nothing needs to be known
  const bool lost =
      its.record.state == RecordState::kUnknown || fate_of(its.attempts) != Fate::kUnexecuted;
  if (lost && key.rules.can_probe) {
    its.attempts.push_back(probe_attempt());
    found = key.effects > 0;
    if (found) co_return false;
    its.attempts.push_back(probe_attempt());
  }
  auto events = events_before_send(its.record, its.attempts, process_.loop.now(), wall_ms);
  const auto step = co_await process_.ledger().advance(process_.loop, ledger_key(key.name),
                                                       std::move(events), key.rules);
  if (dead() || !step) co_return false;
  history_.stepped(key, *step);
  its.record = step->record;
  its.attempts.clear();
  const std::int64_t now_ms = process_.ledger().now_ms();
  if (step->send_before_ms != 0 && now_ms >= step->send_before_ms) co_return false;
  if (std::exchange(its.resubmits, false)) history_.resubmitted(key);
  history_.sent(
      key, outcome == Outcome::kUnexecuted ? History::Effect::kNone : History::Effect::kPossible,
      latest_ms_);
  co_return true;
}

Task<void> FaultRun::complete(Execution& its, Outcome outcome, ExecutionEnd end) {
  KeyHistory& key = its.key;
  Ledger& ledger = process_.ledger();
  const std::string body = draw_body(outcome);
  StoredAnswer answer;
  answer.head = {.status = 200, .fields = {{"x-body", "1"}}, .length = body.size()};
  answer.length = body.size();
  answer.kept = outcome != Outcome::kTooLong;
  std::string tail;
  if (body.size() > StoredAnswer::kInline) {
    for (; body.size() - its.chunks * StoredAnswer::kChunk > StoredAnswer::kChunk; ++its.chunks) {
      (void)ledger.put_chunk(ledger_key(key.name), its.blob, its.chunks,
                             body.substr(its.chunks * StoredAnswer::kChunk, StoredAnswer::kChunk));
      if (its.chunks == 0) co_await process_.turn();
      if (dead()) co_return;
    }
    if (answer.kept) answer.blob = its.blob;
    if (answer.kept) tail = body.substr(its.chunks * StoredAnswer::kChunk);
  } else {
    answer.body = body;
  }
  history_.given(key, answer.kept ? body : std::string(), latest_ms_);
  Status done;
  for (int tries = 0; tries < 2; ++tries) {
    done = co_await ledger.complete(process_.loop, ledger_key(key.name), at_end(its, end),
                                    key.rules, answer, tail);
    if (dead()) co_return;
    if (done || done.error().code == Errc::kInternal) break;
  }
  if (!done) co_return give_up(its);
  history_.told(key, answer.kept ? body : std::string(), answer.kept);
}

std::vector<Occurrence> FaultRun::at_end(const Execution& its, ExecutionEnd end) const {
  return events_at_end(its.record, end, its.attempts, process_.loop.now(), wall_ms);
}

void FaultRun::give_up(Execution& its) {
  if (dead()) return;
  process_.ledger().leave(ledger_key(its.key.name), at_end(its, ExecutionEnd::kFailed),
                          its.key.rules);
}

// ---- the scenario ----

// Each key once or more, by requests that come together.
void FaultRun::wave(std::size_t repetitions) {
  if (dead() || !process_.running()) return;
  process_.run_in_step([&] {
    for (std::size_t i = 0; i < repetitions; ++i) {
      for (KeyHistory& key : history_.keys()) {
        const std::uint64_t dice = random_() % 8;
        if (dice == 0) process_.spawn(other_request(key));
        const auto resolution = dice == 2 ? Resolution::kResubmit : Resolution::kNone;
        if (dice != 1) process_.spawn(request(key, draw(), resolution));
      }
    }
  });
  if (random_() % 2 == 0) read_on();
}

bool FaultRun::start() {
  if (process_.start()) return true;
  if (dead()) return false;
  disk_.heal();  // somebody has made room, or it was once
  return process_.start().has_value();
}

void FaultRun::restart() {
  if (dead()) return;
  readers_.clear();
  if (!start()) return;
  process_.ledger().recover([](std::size_t, std::size_t) {});
}

void FaultRun::sweep() {
  if (dead() || !process_.running()) return;
  process_.ledger().sweep();
  process_.settle();
}

void FaultRun::play() {
  const auto pass = [&](std::int64_t time_ms) { latest_ms_ = wall_ms += time_ms; };
  restart();
  wave(2);
  pass(1'000);
  wave(1);
  sweep();
  restart();
  wave(1);
  wall_ms -= 30'000;  // somebody sets the clock
  wave(1);
  wall_ms = latest_ms_;
  pass(60'000);  // the upstream has forgotten the first ones
  wave(1);
  pass(45'000);  // the first answers are over
  sweep();
  wave(1);
  restart();
  sweep();
  wave(1);
  if (dead() || !process_.running()) return;
  read_on();
  process_.settle();
}

// A process that finds such a disk: it starts, and what is asked of it is answered.
void FaultRun::look_at(FaultDisk::Contents contents, const std::string& context) {
  ++states_;
  const History before = history_;
  const std::int64_t then_ms = latest_ms_;
  const std::size_t known = history_.wrong().size();
  readers_.clear();
  disk_.put(std::move(contents));
  if (const Status started = process_.start(); !started) {
    wrong_.push_back(context + ": it does not open: " + std::string(started.error().detail));
  } else {
    process_.ledger().recover([](std::size_t, std::size_t) {});
    process_.settle();
    check_books(context + ", after the recovery");
    for (int round = 0; round < 2; ++round) {
      process_.run_in_step([&] {
        for (KeyHistory& key : history_.keys()) {
          process_.spawn(request(key, Outcome::kShort, Resolution::kNone));
        }
      });
    }
    check_books(context + ", after more requests");
    readers_.clear();
    latest_ms_ = wall_ms += 10'000'000;
    sweep();
    check_books(context + ", at the end");
    if (process_.ledger().counts().bytes != 0 || keep_books(process_.store()).chunks != 0) {
      wrong_books_.push_back(context + ": an answer is never swept");
    }
  }
  for (std::size_t i = known; i < history_.wrong().size(); ++i) {
    wrong_.push_back(context + ": " + history_.wrong()[i]);
  }
  process_.end();
  history_ = before;
  latest_ms_ = wall_ms = then_ms;
}

void FaultRun::check_books(const std::string& when) {
  process_.settle();
  const Books kept = keep_books(process_.store());
  for (const std::string& each : kept.wrong) wrong_books_.push_back(when + ": " + each);
  const Records::Counts counts = process_.ledger().counts();
  if (counts.records != kept.records || counts.bytes != kept.bytes) {
    wrong_books_.push_back(fmt::format("{}: it counts {} and {}, there are {} and {}", when,
                                       counts.records, counts.bytes, kept.records, kept.bytes));
  }
}

bool FaultRun::run(const FaultPlan& plan) {
  const std::string context =
      fmt::format("seed {}, {} at operation {}", plan.seed,
                  kFaults[static_cast<std::size_t>(plan.fault)], plan.operation);
  random_.seed(plan.seed);
  readers_.clear();
  latest_ms_ = wall_ms = kStart;
  history_ = History();
  disk_.put({});
  disk_.plan(plan.fault, plan.operation);
  play();
  const bool hit = disk_.hit();
  process_.end();
  for (const std::string& each : history_.wrong()) wrong_.push_back(context + ": " + each);
  const FaultDisk::Contents left = disk_.contents();
  const auto look = [&](Remains remains, std::string_view what, std::uint64_t seed) {
    look_at(FaultDisk::after_power_cut(left, remains, seed),
            fmt::format("{}, {} of it is left", context, what));
  };
  look(Remains::kSynced, "what was synced", 0);
  if (plan.fault == DiskFault::kPowerCut && hit) {
    look(Remains::kAll, "all", 0);
    for (std::uint64_t torn = 1; torn <= 2; ++torn) {
      look(Remains::kTorn, fmt::format("part {}", torn),
           plan.seed * 1'000'003 + static_cast<std::uint64_t>(plan.operation) * 2 + torn);
    }
  }
  return hit;
}

}  // namespace outrigger::filters
