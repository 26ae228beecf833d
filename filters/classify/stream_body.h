// A streamed answer on its way to the client. Before it is committed it is held, so that an attempt
// that fails early can be repeated unseen; afterwards bytes pass unchanged, an event whole or not
// at all, and a stream that is lost or lacks its end gets its dialect's error event and is cut
// (resilience 3 items 1 and 2, llm 2.3). Its end is the attempt's.
//
//   hold() ──▶ committed: read()… ──▶ whole: a clean end
//     │                        └────▶ lost, stalled, cut: error event, then an error
//     └─▶ an error event first, or no end: a failed attempt
#pragma once

#include <cstdint>
#include <optional>

#include "filters/classify/attempt_judge.h"
#include "proxy/base/bytes.h"
#include "proxy/http/body.h"
#include "proxy/http/dialect_stream.h"

namespace outrigger::filters {

class StreamBody final : public http::BodySource {
 public:
  // `timer` lives in `body`, or is nullptr. The head must not tell the body's length: bytes may be
  // added.
  StreamBody(const AttemptJudge& judge, int status, http::Body body, EventTimer* timer,
             http::Dialect dialect, http::StreamFraming framing);
  ~StreamBody() override { judge_.abandon(); }

  enum class Until : std::uint8_t { kFirstEvent, kEnd };
  // Reads ahead until then, until the upstream tells of its failure, or until more than `bytes` are
  // held; read() gives what came, and the rest. Errors: what the body failed with, and kClosed,
  // `stream_truncated`, of a clean end without the dialect's; the phase is kAnswered. The verdict
  // of an attempt that failed, or is whole, is concluded.
  Task<Status> hold(Until until, std::uint64_t bytes, CancelScope& scope);

  Task<Result<Slice>> read(CancelScope& scope) override;
  [[nodiscard]] bool ready() const noexcept override { return !out_.empty() || ended_; }
  [[nodiscard]] const http::Headers* trailers() const noexcept override {
    return inner_.trailers();
  }

 private:
  // Of an event whose end has not come, so much is kept back; the rest passes.
  static constexpr std::size_t kMaxKept = 64 * 1024;
  static constexpr std::size_t kGather = 64 * 1024;  // made ready in one read

  [[nodiscard]] Task<Result<Slice>> pull(CancelScope& scope);
  void take(Slice bytes);
  void note(http::EventKind kind);
  void end();
  void lose(Error error);
  void fail_attempt(const Error& error);
  // Ends what is out already, tells the client, and makes the body fail.
  void cut(http::DialectStream::Rest rest, Error error);
  void flush_kept();

  AttemptJudge judge_;
  int status_;
  http::Body inner_;
  EventTimer* timer_;
  http::DialectStream stream_;
  SliceQueue out_;        // may pass
  SliceQueue kept_;       // an event whose end has not come
  bool exposed_ = false;  // its begin passed: it was too large to keep
  bool spoke_ = false;    // an event that says something came
  bool told_ = false;     // an error event of the upstream came
  bool committed_ = false;
  bool ended_ = false;
  bool whole_ = false;  // it ended with all that its dialect asks for
  std::optional<Error> failure_;
};

}  // namespace outrigger::filters
