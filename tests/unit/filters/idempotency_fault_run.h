// One run of a scenario on a disk that fails once: a dozen keys, executed, repeated, lost, swept
// and found again by other processes, with everybody's steps in one batch, so that a seed and an
// operation always mean the same (durability 5.2, L1 and L2).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "filters/idempotency/course.h"
#include "tests/unit/filters/idempotency_books.h"
#include "tests/unit/filters/idempotency_fault_disk.h"
#include "tests/unit/filters/idempotency_history.h"
#include "tests/unit/filters/idempotency_ledger_fixture.h"

namespace outrigger::filters {

struct FaultPlan {
  std::uint64_t seed = 1;
  DiskFault fault = DiskFault::kNone;
  std::int64_t operation = 0;
};

class FaultRun {
 public:
  FaultRun() : process_(folder_.path(), &disk_) {}

  // False: the run ended before the operation that was to fail.
  bool run(const FaultPlan& plan);
  // Promises that were broken, and what is wrong with the books, by all runs so far.
  [[nodiscard]] const std::vector<std::string>& wrong() const { return wrong_; }
  [[nodiscard]] const std::vector<std::string>& wrong_books() const { return wrong_books_; }
  // Disks that were looked at after a fault.
  [[nodiscard]] std::size_t states() const { return states_; }

 private:
  enum class Outcome : std::uint8_t {
    kAbandoned,
    kShort,
    kLong,
    kTooLong,
    kLost,
    kUnexecuted,
    kRefused,
    kKilled,  // it never ends: the process does
  };
  struct Execution {
    KeyHistory& key;
    Record record;
    std::string blob;
    bool resubmits = false;              // a person says that it has not been executed
    std::vector<Attempt> attempts = {};  // since the last sending
    std::uint32_t chunks = 0;
  };

  void play();
  void wave(std::size_t repetitions);
  void restart();
  [[nodiscard]] bool start();
  void sweep();
  void look_at(FaultDisk::Contents contents, const std::string& context);
  void check_books(const std::string& when);
  [[nodiscard]] bool dead() const { return disk_.powerless(); }
  [[nodiscard]] Outcome draw();
  [[nodiscard]] std::string draw_body(Outcome outcome);

  Task<void> request(KeyHistory& key, Outcome outcome, Resolution resolution);
  Task<void> other_request(KeyHistory& key);
  Task<void> execute(Execution its, Outcome outcome);
  Task<bool> send(Execution& its, Outcome outcome, bool& found);
  Task<void> complete(Execution& its, Outcome outcome, ExecutionEnd end);
  void give_up(Execution& its);
  [[nodiscard]] std::vector<Occurrence> at_end(const Execution& its, ExecutionEnd end) const;
  std::optional<std::string> read(const KeyHistory& key, const StoredAnswer& answer);
  void read_on();

  TemporaryFolder folder_;
  FaultDisk disk_;
  LedgerProcess process_;
  History history_;
  std::mt19937_64 random_;
  std::vector<std::pair<KeyHistory*, Found>> readers_;  // who take their time
  std::uint64_t requests_ = 0;
  std::int64_t latest_ms_ = 0;
  std::size_t states_ = 0;
  std::vector<std::string> wrong_, wrong_books_;
};

}  // namespace outrigger::filters
