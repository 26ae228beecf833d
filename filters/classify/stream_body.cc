#include "filters/classify/stream_body.h"

#include <utility>

#include "proxy/http/dialect_error.h"
#include "proxy/http/problem.h"

namespace outrigger::filters {

using http::DialectStream;
using http::EventKind;

namespace {

Error no_end(Phase phase) {
  return {Errc::kClosed, Origin::kUpstream, phase, "stream_truncated", {}};
}

}  // namespace

StreamBody::StreamBody(const AttemptJudge& judge, int status, http::Body body, EventTimer* timer,
                       http::Dialect dialect, http::StreamFraming framing)
    : judge_(judge),
      status_(status),
      inner_(std::move(body)),
      timer_(timer),
      stream_(dialect, framing) {
  if (timer_ != nullptr) timer_->watch();
}

Task<Status> StreamBody::hold(Until until, std::uint64_t bytes, CancelScope& scope) {
  while (!ended_ && !told_ && out_.bytes() + kept_.bytes() <= bytes) {
    if (until == Until::kFirstEvent && spoke_) break;
    Result<Slice> piece = co_await pull(scope);
    if (!piece) {
      Error error = std::move(piece).error();
      if (error.phase < Phase::kAnswered) error.phase = Phase::kAnswered;
      fail_attempt(error);
      co_return std::unexpected(std::move(error));
    }
    take(std::move(*piece));
  }
  if (ended_ && !whole_ && !told_) {
    const Error error = no_end(Phase::kAnswered);
    fail_attempt(error);
    co_return std::unexpected(error);
  }
  committed_ = true;
  co_return Status{};
}

Task<Result<Slice>> StreamBody::read(CancelScope& scope) {
  committed_ = true;
  while (!ended_ && (out_.empty() || (inner_.ready() && out_.bytes() < kGather))) {
    Result<Slice> piece = co_await pull(scope);
    if (!piece) {
      lose(std::move(piece).error());
    } else {
      take(std::move(*piece));
    }
  }
  if (!out_.empty()) co_return out_.pop();
  if (failure_) co_return std::unexpected(*failure_);
  co_return Slice{};
}

Task<Result<Slice>> StreamBody::pull(CancelScope& scope) {
  return inner_.source() != nullptr ? inner_.source()->read(scope) : inner_.read(scope);
}

void StreamBody::take(Slice bytes) {
  if (bytes.empty()) return end();
  std::string_view rest = bytes.view();
  std::size_t whole = 0;  // bytes up to the end of the last event
  while (const auto kind = stream_.next(rest)) {
    whole = bytes.size() - rest.size();
    note(*kind);
  }
  if (stream_.broken()) whole = bytes.size();
  if (whole != 0) {
    flush_kept();
    exposed_ = false;
    out_.push(bytes.sub(bytes.view().substr(0, whole)));
    bytes.remove_prefix(whole);
  }
  if (!bytes.empty()) kept_.push(bytes.compact());
  if (committed_ && kept_.bytes() > kMaxKept) {
    exposed_ = true;
    flush_kept();
  }
}

void StreamBody::flush_kept() {
  while (!kept_.empty()) out_.push(kept_.pop());
}

void StreamBody::note(EventKind kind) {
  judge_.note_usage(stream_.data());
  if (kind == EventKind::kNothing) return;
  if (kind == EventKind::kTerminal) judge_.exchange().last_event = true;
  if (timer_ != nullptr) timer_->on_event();
  if (!std::exchange(spoke_, true)) judge_.note_answered(judge_.exchange().loop.now());
  if (kind != EventKind::kError || std::exchange(told_, true)) return;
  Evidence evidence;
  evidence.status = status_;
  evidence.in_stream = true;
  evidence.event_type = stream_.type();
  evidence.body = stream_.data();
  evidence.body_complete = true;
  judge_.judge(evidence);
  judge_.conclude();
}

// The framing has ended cleanly; whether the answer has is the dialect's to say.
void StreamBody::end() {
  ended_ = true;
  const DialectStream::Rest rest = stream_.finish();
  if (rest == DialectStream::Rest::kMendable) note(stream_.kind());
  whole_ = rest != DialectStream::Rest::kHalf && stream_.complete();
  if (whole_) {
    flush_kept();
    out_.push(Slice::literal(stream_.mend()));
    judge_.pass_and_conclude();
  } else if (committed_) {
    Error error = no_end(Phase::kCommitted);
    fail_attempt(error);
    cut(rest, std::move(error));
  }
}

// The body failed after it was committed.
void StreamBody::lose(Error error) {
  ended_ = true;
  error.phase = Phase::kCommitted;
  fail_attempt(error);
  if (judge_.record().verdict == Verdict::kCancelled) {
    failure_ = std::move(error);  // nobody reads on
    return;
  }
  const DialectStream::Rest rest = stream_.finish();
  cut(rest, std::move(error));
}

void StreamBody::fail_attempt(const Error& error) {
  judge_.judge_failure(error, status_);
  judge_.conclude();
}

// Half an event is dropped, as far as it was kept back. A client that has a whole answer, or was
// told of the failure by the upstream, is told nothing more.
void StreamBody::cut(DialectStream::Rest rest, Error error) {
  const http::ProblemKind& kind = http::problem_kind(error);
  failure_ = std::move(error);
  if (rest == DialectStream::Rest::kMendable) {
    flush_kept();
    out_.push(Slice::literal(stream_.mend()));
  }
  kept_.clear();
  const bool told = rest != DialectStream::Rest::kHalf && stream_.complete();
  const bool stuck = exposed_ && stream_.dialect() == http::Dialect::kBedrock;
  if (told || stuck || stream_.broken()) return;
  if (exposed_ && rest != DialectStream::Rest::kMendable) out_.push(Slice::literal("\n"));
  out_.push(Slice::copy(
      http::error_event(stream_.dialect(), kind.code, kind.title, stream_.next_sequence())));
}

}  // namespace outrigger::filters
