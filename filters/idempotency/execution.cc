#include "filters/idempotency/execution.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "filters/intake/replay_body.h"
#include "filters/intake/rewinder.h"
#include "filters/retry/verifier.h"
#include "proxy/base/wall_clock.h"

namespace outrigger::filters {
namespace {

std::int64_t wall_ms() noexcept {
  return WallClock::system() / 1000;
}

// So large that the whole answer is known by its bytes: the last ones end it.
bool is_last(std::uint64_t bytes, const std::optional<std::uint64_t>& length) noexcept {
  return length && bytes >= *length;
}

Error undecided(std::string detail) {
  return {Errc::kTimeout, Origin::kProxy, Phase::kFullyWritten, "unknown_outcome",
          std::move(detail)};
}

}  // namespace

Execution::Execution(const Setup& setup, Exchange& client, Found claimed)
    : ledger_(setup.ledger),
      policies_(setup.policies),
      key_(setup.key),
      rules_(setup.rules),
      record_(claimed.record),
      recording_(std::move(claimed.running)),
      work_(client, setup.worker, Detached::Coding::kIdentity, recording_),
      exchange_(work_.exchange),
      orphan_(setup.policies.on_client_gone, setup.orphans, work_, *recording_) {
  answer_.blob = std::move(claimed.blob);
  exchange_.gate = this;
}

Execution::~Execution() {
  if (!over_) give_up({Errc::kCancelled, Origin::kProxy, Phase::kNoConnection, "stopping", {}});
}

void Execution::start(TaskGroup& group, Next next) {
  recording_->on_unread([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self != nullptr && !self->over_) self->orphan_.left(self->answer_.length);
  });
  group.spawn(run(shared_from_this(), next));
}

// An exception is a bug that costs this execution.
Task<void> Execution::run(std::shared_ptr<Execution> self, Next next) {
  try {
    co_await self->execute(next);
  } catch (const std::exception& bug) {
    self->give_up({Errc::kInternal, Origin::kProxy, Phase::kNoConnection, "proxy_internal_error",
                   bug.what()});
  }
}

Task<void> Execution::execute(Next next) {
  const bool asks = record_.state == RecordState::kUnknown &&
                    !may_send_unknown(record_, rules_, ledger_.now_ms());
  Result<http::Response> outcome = std::unexpected(Error{});
  if (asks) {
    outcome = co_await resolve(next);
  } else {
    outcome = co_await next(exchange_);
  }
  if (outcome && outcome->tunnel != nullptr) {
    outcome = fail(Errc::kProtocol, Origin::kUpstream, "http_upgrade_failed",
                   "an upgrade that was not asked for");
  }
  if (!outcome) co_return give_up(std::move(outcome).error());
  const ExecutionEnd ending = end_of(outcome->head.status);
  co_await record(std::move(*outcome), ending);
}

// What may have been executed, by a process before this one or an execution that failed: the
// upstream is asked first.
Task<Result<http::Response>> Execution::resolve(Next next) {
  const Rewinder body(exchange_);
  Verifier verifier(*policies_.verify, exchange_, next);
  auto answer = co_await verifier.ask(body.whole());
  if (!answer) co_return std::unexpected(std::move(answer).error());
  if (*answer) co_return std::move(**answer);
  co_return co_await next(exchange_);
}

std::span<const Attempt> Execution::since_last_send() const noexcept {
  return std::span<const Attempt>(exchange_.attempts).subspan(since_);
}

std::vector<Occurrence> Execution::at_end(ExecutionEnd ending) const {
  return events_at_end(record_, ending, since_last_send(), exchange_.loop.now(), wall_ms());
}

// Barrier B1: what comes of this sending must be known to whoever finds the record. Of what may be
// repeated without harm nothing has to be known; only such requests run side by side (hedges).
Task<Status> Execution::before_send(Exchange& sending) {
  if (rules_.replay == config::Replay::kSafe) co_return Status{};
  if (&sending != &exchange_) {
    co_return fail(Errc::kInternal, Origin::kProxy, "proxy_internal_error",
                   "what may not be repeated was to be sent twice at a time");
  }
  std::vector<Occurrence> events =
      events_before_send(record_, since_last_send(), exchange_.loop.now(), wall_ms());
  const std::size_t reported = exchange_.attempts.size();
  CO_TRY(const Step step,
         co_await ledger_.advance(exchange_.loop, key_, std::move(events), rules_));
  record_ = step.record;
  since_ = reported;
  if (work_.scope.cancelled()) co_return std::unexpected(work_.scope.why()->error());
  if (step.send_before_ms != 0 && ledger_.now_ms() >= step.send_before_ms) {
    co_return std::unexpected(
        undecided("the upstream may have executed it, and may not know its key any more"));
  }
  co_return Status{};
}

// A fixed answer of a fallback, or one of our own, is nothing that the key was executed for. A
// probe's is the last word only where it found what it looked for.
ExecutionEnd Execution::end_of(int status) const noexcept {
  if (exchange_.source == Source::kCache) {  // as good as the upstream's, where it is not stale
    return status < 400 && !exchange_.degraded ? ExecutionEnd::kKept : ExecutionEnd::kFailed;
  }
  const bool theirs =
      exchange_.source == Source::kUpstream || exchange_.source == Source::kFallback;
  if (exchange_.attempts.empty() || exchange_.fallback == "answer" || !theirs) {
    return ExecutionEnd::kFailed;
  }
  const Attempt& last = exchange_.attempts.back();
  if (last.probe) return ExecutionEnd::kFound;
  return last.judged && is_kept(last.verdict, status) ? ExecutionEnd::kKept : ExecutionEnd::kFailed;
}

Task<void> Execution::record(http::Response response, ExecutionEnd ending) {
  answer_.head = stored_head(response);
  const bool bare = response.body.ended();  // its head is its end
  if (!bare) recording_->begin(answer_.head);
  Status copied = co_await copy(response.body, ending);
  if (const http::Headers* fields = response.body.trailers()) {
    for (const http::Field& field : *fields) {
      answer_.trailers.push_back({std::string(field.name), std::string(field.value)});
    }
  }
  if (copied) copied = co_await commit(ending);
  if (!copied) co_return give_up(std::move(copied).error());
  if (bare) recording_->begin(answer_.head);
  recording_->append(held_);
  recording_->finish(answer_.trailers);
}

// Bytes pass as they come, but for those with which a client would take the answer for whole.
Task<Status> Execution::copy(http::Body& body, ExecutionEnd& ending) {
  for (;;) {
    if (!answer_.kept) CO_TRY(co_await recording_->wait_for_room(work_.scope));
    CO_TRY(const Slice bytes, co_await body.read(work_.scope));
    if (bytes.empty()) break;
    answer_.length += bytes.size();
    if (ending != ExecutionEnd::kFailed) keep(bytes.view());
    const bool holds = ending != ExecutionEnd::kFailed &&
                       (exchange_.last_event || is_last(answer_.length, answer_.head.length));
    if (holds || !held_.empty()) {
      held_ += bytes.view();
    } else {
      recording_->append(bytes.view());
    }
  }
  if (ending == ExecutionEnd::kKept) ending = end_of(answer_.head.status);  // a stream's is known
  co_return Status{};
}

void Execution::keep(std::string_view bytes) {
  if (!answer_.kept) return;
  tail_ += bytes;
  if (answer_.length > policies_.idempotency->max_answer) answer_.kept = false;
  while (answer_.kept && tail_.size() > StoredAnswer::kChunk) {
    answer_.kept =
        ledger_.put_chunk(key_, answer_.blob, chunks_++, tail_.substr(0, StoredAnswer::kChunk));
    tail_.erase(0, StoredAnswer::kChunk);
  }
  if (answer_.kept) return;
  tail_.clear();
  recording_->pass_on();
}

// Barrier B3: the answer is on disk before anybody sees its end. A write that failed is tried once
// more: the ledger has looked by then what is on disk.
Task<Status> Execution::commit(ExecutionEnd ending) {
  if (ending == ExecutionEnd::kFailed) {
    over_ = true;
    ledger_.leave(key_, at_end(ending), rules_);
    co_return Status{};
  }
  StoredAnswer answer = answer_;
  if (!answer.kept || (chunks_ == 0 && tail_.size() <= StoredAnswer::kInline)) {
    answer.blob.clear();
    answer.body = answer.kept ? tail_ : std::string();
  }
  std::string tail = answer.blob.empty() ? std::string() : tail_;
  Status done =
      co_await ledger_.complete(exchange_.loop, key_, at_end(ending), rules_, answer, tail);
  if (!done && done.error().code != Errc::kInternal) {
    done = co_await ledger_.complete(exchange_.loop, key_, at_end(ending), rules_,
                                     std::move(answer), std::move(tail));
  }
  if (done) over_ = true;
  co_return done;
}

// No answer, or half of one.
void Execution::give_up(Error error) {
  if (!std::exchange(over_, true)) {
    ledger_.leave(key_, at_end(ExecutionEnd::kFailed), rules_);
  }
  recording_->fail(std::move(error));
}

}  // namespace outrigger::filters
