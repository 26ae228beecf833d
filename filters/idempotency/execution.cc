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

// The request with all of its text in its own memory.
http::Request request_of(http::Request& from) {
  http::Request request{from.head, std::move(from.body)};
  http::RequestHead& head = request.head;
  for (std::string_view* text :
       {&head.method_text, &head.scheme, &head.authority, &head.target, &head.protocol}) {
    *text = head.headers.intern(*text);
  }
  // Whoever asks again may not take the coding that this client takes.
  for (http::Field& field : head.headers.fields()) {
    if (field.id == http::HeaderId::kAcceptEncoding) field.value = "identity";
  }
  return request;
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

// Ends an execution that nobody has waited for too long.
class Execution::Gone final : private Timer {
 public:
  Gone(Execution& execution, Duration time) : execution_(execution) {
    ++execution_.orphans_.now;
    execution_.exchange_.loop.arm(*this, time);
  }
  Gone(const Gone&) = delete;
  Gone& operator=(const Gone&) = delete;
  ~Gone() {
    disarm();
    --execution_.orphans_.now;
  }

 private:
  void on_fire() override {
    if (execution_.recording_->readers() > 0) return;
    execution_.scope_.cancel({Errc::kCancelled, Origin::kClient, "client_gone"});
  }
  Execution& execution_;
};

Execution::Execution(const Setup& setup, Exchange& client, Found claimed)
    : ledger_(setup.ledger),
      policies_(setup.policies),
      gone_(setup.policies.on_client_gone),
      orphans_(setup.orphans),
      key_(setup.key),
      rules_(setup.rules),
      record_(claimed.record),
      recording_(std::move(claimed.running)),
      client_(client.client),
      scope_(setup.worker),
      exchange_(client.loop, request_of(client.request), silent_, client_, scope_) {
  answer_.blob = std::move(claimed.blob);
  http::Headers& texts = exchange_.request.head.headers;
  exchange_.routed = client.routed;
  exchange_.routed.target = texts.intern(client.routed.target);
  std::ranges::copy(client.id_text, exchange_.id_text);
  exchange_.started = client.started;
  exchange_.request_bytes = client.request_bytes;
  exchange_.client_target = texts.intern(client.client_target);
  exchange_.client_authority = texts.intern(client.client_authority);
  exchange_.model = texts.intern(client.model);
  exchange_.credential = client.credential;
  exchange_.sent_credential = client.sent_credential;
  exchange_.execution = texts.intern(client.execution);
  exchange_.step = texts.intern(client.step);
  exchange_.deadline_asked = texts.intern(client.deadline_asked);
  exchange_.upstream_key = texts.intern(client.upstream_key);
  exchange_.replay = std::exchange(client.replay, nullptr);
  exchange_.chain = client.chain;
  exchange_.gate = this;
}

Execution::~Execution() {
  if (!over_) give_up({Errc::kCancelled, Origin::kProxy, Phase::kNoConnection, "stopping", {}});
  orphan_ = nullptr;  // it counts in the chain, which goes with the exchange
}

void Execution::start(TaskGroup& group, Next next) {
  recording_->on_unread([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->left();
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
  if (scope_.cancelled()) co_return std::unexpected(scope_.why()->error());
  if (step.send_before_ms != 0 && ledger_.now_ms() >= step.send_before_ms) {
    co_return std::unexpected(
        undecided("the upstream may have executed it, and may not know its key any more"));
  }
  co_return Status{};
}

// A fixed answer of a fallback, or one of our own, is nothing that the key was executed for. A
// probe's is the last word only where it found what it looked for.
ExecutionEnd Execution::end_of(int status) const noexcept {
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
    if (!answer_.kept) CO_TRY(co_await recording_->wait_for_room(scope_));
    CO_TRY(const Slice bytes, co_await body.read(scope_));
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

// The last client has left. Whoever comes later finds it running all the same.
void Execution::left() {
  if (over_) return;
  orphan_ = nullptr;  // one whose client had come back was one of them
  if (!may_finish()) return scope_.cancel({Errc::kCancelled, Origin::kClient, "client_gone"});
  orphan_ = std::make_unique<Gone>(*this, gone_.time);
}

bool Execution::may_finish() const noexcept {
  using Then = config::OnClientGone::Then;
  if (gone_.then == Then::kCancel || orphans_.now >= gone_.most) return false;
  if (gone_.then == Then::kFinish) return true;
  const Duration ran = exchange_.loop.now() - exchange_.started;
  return (gone_.bytes && answer_.length >= *gone_.bytes) ||
         (gone_.elapsed && ran >= *gone_.elapsed);
}

void Execution::tell(Exchange& client) {
  http::Headers& texts = client.request.head.headers;
  client.attempts.clear();
  for (Attempt attempt : exchange_.attempts) {
    attempt.permits = {};
    attempt.concluded = true;  // to those who count: here
    attempt.error = texts.intern(attempt.error);
    client.attempts.push_back(attempt);
  }
  client.source = exchange_.source;
  client.why = exchange_.why;
  client.retry_after = exchange_.retry_after;
  client.give_up_status = exchange_.give_up_status;
  client.circuit = exchange_.circuit;
  client.queued = exchange_.queued;
  client.fallback = texts.intern(exchange_.fallback);
  client.degraded = exchange_.degraded;
  client.repair = exchange_.repair;
  client.repair_prompts = exchange_.repair_prompts;
  client.would_have = exchange_.would_have;
  client.replay_lost = exchange_.replay_lost;
}

StoredHead stored_head(const http::Response& response) {
  StoredHead head{.status = response.head.status, .fields = {}, .length = response.body.length()};
  for (const http::Field& field : response.head.headers) {
    head.fields.push_back({std::string(field.name), std::string(field.value)});
  }
  return head;
}

http::ResponseHead response_head(const StoredHead& stored) {
  http::ResponseHead head;
  head.status = stored.status;
  for (const StoredField& field : stored.fields) head.headers.add(field.name, field.value);
  return head;
}

}  // namespace outrigger::filters
