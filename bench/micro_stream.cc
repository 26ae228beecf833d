// What stream integrity costs an event of 200 bytes: cutting and judging it alone, and the whole
// way of a stream through the classify filter's body next to that of a body which nobody looks at.
// Prints; asserts nothing. The bar is 2 microseconds an event (issue "resilience by verdict").
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <string_view>

#include "filters/classify/stream_body.h"
#include "filters/classify/watched_body.h"
#include "proxy/base/json_checker.h"
#include "proxy/http/dialect_error.h"
#include "proxy/http/dialect_stream.h"
#include "proxy/runtime/sim_loop.h"
#include "proxy/runtime/task_group.h"

namespace outrigger {
namespace {

using filters::StreamBody;
using http::Dialect;
using http::StreamFraming;

constexpr std::string_view kChat =
    "data: {\"id\":\"chatcmpl-A1b2C3d4E5f6G7h8\",\"object\":\"chat.completion.chunk\",\"created\":"
    "1694268190,\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" token\"},"
    "\"finish_reason\":null}]}\n\n";
constexpr std::string_view kResponses =
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":"
    "\"msg_0123456789abcdef\",\"output_index\":0,\"content_index\":0,\"delta\":\" token\","
    "\"sequence_number\":7}\n\n";
constexpr std::string_view kAnthropic =
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
    "{\"type\":\"text_delta\",\"text\":\" some words that make up the two hundred bytes of this "
    "event\"}}\n\n";
constexpr std::string_view kGemini =
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\" token\"}],\"role\":\"model\"},"
    "\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":12,\"totalTokenCount\":40},"
    "\"modelVersion\":\"gemini-2.5-flash\"}\n\n";
constexpr std::string_view kLine =
    "{\"model\":\"llama3.2\",\"created_at\":\"2026-01-01T00:00:00.000000Z\",\"message\":{\"role\":"
    "\"assistant\",\"content\":\" some more words to make up for the length of it, token\"},"
    "\"done\":false}\n";

void judge_events(benchmark::State& state, Dialect dialect, StreamFraming framing,
                  std::string_view event) {
  std::string bytes;
  for (int i = 0; i < 64; ++i) bytes += event;
  http::DialectStream stream(dialect, framing);
  for (auto _ : state) {
    std::string_view in = bytes;
    while (const auto kind = stream.next(in)) benchmark::DoNotOptimize(*kind);
  }
  state.SetItemsProcessed(state.iterations() * 64);
  state.counters["event_bytes"] = static_cast<double>(event.size());
}
BENCHMARK_CAPTURE(judge_events, chat, Dialect::kOpenai, StreamFraming::kSse, kChat);
BENCHMARK_CAPTURE(judge_events, responses, Dialect::kOpenai, StreamFraming::kSse, kResponses);
BENCHMARK_CAPTURE(judge_events, anthropic, Dialect::kAnthropic, StreamFraming::kSse, kAnthropic);
BENCHMARK_CAPTURE(judge_events, gemini, Dialect::kGemini, StreamFraming::kSse, kGemini);
BENCHMARK_CAPTURE(judge_events, ndjson, Dialect::kNdjson, StreamFraming::kLines, kLine);

void judge_frames(benchmark::State& state) {
  const std::string frame = http::exception_frame("throttlingException", std::string(80, 'x'));
  judge_events(state, Dialect::kBedrock, StreamFraming::kFrames, frame);
}
BENCHMARK(judge_frames);

void check_json(benchmark::State& state) {
  std::string answer = "{\"choices\":[{\"message\":{\"content\":\"";
  answer += std::string(static_cast<std::size_t>(state.range(0)), 'x') + "\"}}]}";
  for (auto _ : state) benchmark::DoNotOptimize(is_json(answer));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(answer.size()));
}
BENCHMARK(check_json)->Arg(1000)->Arg(100'000);

// Gives the same event for ever.
class EndlessBody final : public http::BodySource {
 public:
  explicit EndlessBody(std::string_view event) : event_(Slice::copy(event)) {}
  Task<Result<Slice>> read(CancelScope&) override {
    paused_ = !paused_;
    co_return event_;
  }
  // As one that came alone: not two at a time.
  [[nodiscard]] bool ready() const noexcept override { return paused_; }

 private:
  Slice event_;
  bool paused_ = false;
};

class NoClient final : public http::ResponseSink {
 public:
  Task<Status> interim(http::ResponseHead, CancelScope&) override { co_return Status{}; }
  Task<http::Delivery> send(http::Response, CancelScope&) override { co_return http::Delivery{}; }
};

// Reads one event at a time from a body around an endless stream.
template <class Wrap>
void read_stream(benchmark::State& state, Wrap&& wrap) {
  SimLoop loop;
  CancelScope scope;
  NoClient sink;
  http::ClientInfo client;
  const config::Policies policies;
  const filters::Classifier classifier(policies);
  WallClock clock;
  filters::Exchange exchange(loop, {}, sink, client, scope);
  exchange.attempts.emplace_back();
  const filters::AttemptJudge judge(exchange, 0, classifier, clock);
  http::Body body(wrap(judge, http::Body(std::make_unique<EndlessBody>(kChat), std::nullopt)),
                  std::nullopt);
  const auto read = [](http::Body& from, CancelScope& under,
                       benchmark::State& until) -> Task<void> {
    for (auto _ : until) {
      Result<Slice> bytes = co_await from.read(under);
      benchmark::DoNotOptimize(bytes->size());
    }
  };
  TaskGroup tasks(loop);
  tasks.spawn(read(body, scope, state));
  state.SetItemsProcessed(state.iterations());
}

void pass_event_unwatched(benchmark::State& state) {
  read_stream(state, [](const filters::AttemptJudge& judge, http::Body body) {
    return std::make_unique<filters::WatchedBody>(judge, 200, std::move(body),
                                                  filters::WatchedBody::Ends::kPlain);
  });
}
BENCHMARK(pass_event_unwatched);

void pass_event_judged(benchmark::State& state) {
  read_stream(state, [](const filters::AttemptJudge& judge, http::Body body) {
    return std::make_unique<StreamBody>(judge, 200, std::move(body), nullptr, Dialect::kOpenai,
                                        StreamFraming::kSse);
  });
}
BENCHMARK(pass_event_judged);

}  // namespace
}  // namespace outrigger
