// What a key costs: claims, dispatches and answers through the journal, on the disk of this
// machine. Each request is two durable records (its sending, and its answer), which share batches
// with those of all others in flight.
#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <string>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "filters/idempotency/ledger.h"
#include "proxy/base/wall_clock.h"
#include "proxy/runtime/event_loop.h"
#include "proxy/runtime/task_group.h"

namespace outrigger::filters {
namespace {

class Bench {
 public:
  Bench() {
    std::string folder = (std::filesystem::current_path() / "ledger-XXXXXX").string();
    folder_ = mkdtemp(folder.data());
    open();
  }
  ~Bench() {
    close();
    std::filesystem::remove_all(folder_);
  }
  void open() {
    journal_ = std::make_unique<store::Journal>();
    const Status opened = journal_->open({.folder = folder_,
                                          .encryption_key = Secret("a key of the benchmark"),
                                          .previous_key = {},
                                          .env = nullptr},
                                         [](store::Store&) { return Status{}; });
    if (!opened) std::abort();
    ledger_ = std::make_unique<Ledger>(*journal_, &WallClock::system);
  }
  void close() {
    journal_->stop();
    ledger_.reset();
    journal_.reset();
  }
  [[nodiscard]] Ledger& ledger() noexcept { return *ledger_; }

  // Runs that many requests, so many at a time.
  void run(EventLoop& loop, std::int64_t requests, std::int64_t at_a_time, bool finishes) {
    TaskGroup group(loop);
    std::int64_t left = requests;
    for (std::int64_t i = 0; i < at_a_time; ++i) group.spawn(work(*this, loop, left, finishes));
    group.on_empty([&] { loop.stop(); });
    if (!group.empty()) loop.run();
  }

 private:
  static Task<void> work(Bench& self, EventLoop& loop, std::int64_t& left, bool finishes) {
    while (left-- > 0) co_await self.request(loop, finishes);
  }
  Task<void> request(EventLoop& loop, bool finishes) {
    std::string key = fmt::format("{:048}", ++keys_);
    RecordRules rules;
    const Result<Found> found = co_await ledger_->ask(
        loop, {.key = key, .raw = {}, .canonical = {}, .rules = rules, .request_id = "bench"});
    if (!found) std::abort();
    const Result<Step> sent =
        co_await ledger_->advance(loop, key, {{RecordEvent::kSend, 1}}, rules);
    if (!sent) std::abort();
    if (!finishes) co_return;
    StoredAnswer answer;
    answer.head.status = 200;
    answer.body = std::string(1024, 'a');
    answer.length = answer.body.size();
    const Status kept =
        co_await ledger_->complete(loop, key, {{RecordEvent::kHead, 1}, {RecordEvent::kWhole, 1}},
                                   rules, std::move(answer), {});
    if (!kept) std::abort();
  }

  std::string folder_;
  std::unique_ptr<store::Journal> journal_;
  std::unique_ptr<Ledger> ledger_;
  std::uint64_t keys_ = 0;
};

void BM_Requests(benchmark::State& state) {
  Bench bench;
  constexpr std::int64_t kRequests = 20'000;
  for (auto _ : state) {
    EventLoop loop;
    bench.run(loop, kRequests, state.range(0), true);
  }
  state.counters["records/s"] = benchmark::Counter(
      2.0 * kRequests * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(BM_Requests)
    ->Arg(1)
    ->Arg(16)
    ->Arg(128)
    ->Iterations(1)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

// A process ends with so many requests in flight; the next one finds them.
void BM_Recovery(benchmark::State& state) {
  Bench bench;
  {
    EventLoop loop;
    bench.run(loop, state.range(0), 1000, false);
  }
  bench.close();
  for (auto _ : state) {
    bench.open();
    std::promise<std::size_t> found;
    bench.ledger().recover([&](std::size_t unknown, std::size_t) { found.set_value(unknown); });
    state.counters["found"] = static_cast<double>(found.get_future().get());
  }
}
BENCHMARK(BM_Recovery)->Arg(100'000)->Iterations(1)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace outrigger::filters
