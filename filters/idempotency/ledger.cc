#include "filters/idempotency/ledger.h"

#include <memory>
#include <utility>

namespace outrigger::filters {
namespace {

// Parts of answers that may wait for the disk, together: 48 MiB.
constexpr std::size_t kMostChunks = 1000;

template <class T>
Task<Result<T>> wait_for(std::shared_ptr<Pending<T>> pending) {
  CancelScope unhurried;
  CO_TRY(co_await pending->done.wait(unhurried));
  co_return std::move(*pending->value);
}

}  // namespace

Task<Result<Found>> Ledger::ask(Dispatcher& loop, Question question) {
  auto pending = std::make_shared<Pending<Found>>();
  if (!journal_.submit(ask_job(records_, std::move(question), loop, pending))) {
    co_return std::unexpected(store_error("store_busy", "too many requests wait for the disk"));
  }
  co_return co_await wait_for(std::move(pending));
}

Task<Result<Step>> Ledger::advance(Dispatcher& loop, std::string key,
                                   std::vector<Occurrence> events, RecordRules rules) {
  auto pending = std::make_shared<Pending<Step>>();
  Way what{.key = std::move(key), .events = std::move(events), .rules = rules};
  if (!journal_.submit(step_job(records_, std::move(what), &loop, pending))) {
    co_return std::unexpected(store_error("store_busy", "too many requests wait for the disk"));
  }
  co_return co_await wait_for(std::move(pending));
}

Task<Status> Ledger::complete(Dispatcher& loop, std::string key, std::vector<Occurrence> events,
                              RecordRules rules, StoredAnswer answer, std::string tail) {
  auto pending = std::make_shared<Pending<Step>>();
  Way what{.key = std::move(key),
           .events = std::move(events),
           .rules = rules,
           .answer = std::move(answer),
           .tail = std::move(tail),
           .leaves = true};
  journal_.submit_always(step_job(records_, std::move(what), &loop, pending));
  CO_TRY(co_await wait_for(std::move(pending)));
  co_return Status{};
}

void Ledger::leave(std::string key, std::vector<Occurrence> events, RecordRules rules) {
  Way what{.key = std::move(key), .events = std::move(events), .rules = rules, .leaves = true};
  journal_.submit_always(step_job(records_, std::move(what), nullptr, nullptr));
}

bool Ledger::put_chunk(const std::string& key, const std::string& blob, std::uint32_t number,
                       std::string bytes) {
  return journal_.submit(chunk_job(records_, key, chunk_name(blob, number), std::move(bytes)),
                         kMostChunks);
}

Result<std::string> Ledger::read_chunk(const std::string& blob, std::uint32_t number) const {
  const store::Store* store = journal_.store();
  if (store == nullptr) return std::unexpected(store_error("store_io", "the store is closed"));
  auto found = store->get(chunk_name(blob, number));
  if (!found) return std::unexpected(std::move(found).error());
  if (!*found) {
    return std::unexpected(store_error("store_corrupt", "a part of a stored answer is missing"));
  }
  return std::move(**found);
}

void Ledger::recover(RecoveryDone done) {
  go_on(
      {.from = std::string(kInFlightPrefix), .unknown = 0, .released = 0, .done = std::move(done)});
}

void Ledger::go_on(Recovery recovery) {
  journal_.submit_always(recover_job(records_, std::move(recovery),
                                     [this](Recovery rest) { go_on(std::move(rest)); }));
}

void Ledger::sweep() {
  (void)journal_.submit(sweep_job(records_, [this] { sweep(); }));
}

}  // namespace outrigger::filters
