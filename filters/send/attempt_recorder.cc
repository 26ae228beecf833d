#include "filters/send/attempt_recorder.h"

#include <utility>

#include "filters/exchange.h"

namespace outrigger::filters {
namespace {

void enter(const Exchange& exchange, AttemptStage stage) {
  if (exchange.progress != nullptr) exchange.progress->on_stage(stage);
}

}  // namespace

void AttemptRecorder::on_queued() {
  enter(exchange_, AttemptStage::kConnecting);
}
void AttemptRecorder::on_resolving() {
  enter(exchange_, AttemptStage::kConnecting);
}
void AttemptRecorder::on_connecting() {
  enter(exchange_, AttemptStage::kConnecting);
}
void AttemptRecorder::on_handshaking() {
  enter(exchange_, AttemptStage::kHandshaking);
}
void AttemptRecorder::on_sending() {
  enter(exchange_, AttemptStage::kSending);
}
void AttemptRecorder::on_request_sent() {
  enter(exchange_, AttemptStage::kWaiting);
}

void AttemptRecorder::on_endpoint(std::uint16_t index, std::string_view name) {
  Attempt attempt;
  // The cluster of a forwarded host may be gone before the log is written.
  attempt.endpoint =
      exchange_.routed.upstream != nullptr ? name : exchange_.request.head.headers.intern(name);
  attempt.endpoint_index = index;
  attempt.started = exchange_.loop.fresh_now();
  exchange_.attempts.push_back(attempt);
}

void AttemptRecorder::on_connection(bool reused) {
  exchange_.attempts.back().reused_connection = reused;
}

Task<Status> AttemptRecorder::on_interim(http::ResponseHead head) {
  return exchange_.sink.interim(std::move(head), *exchange_.scope);
}

// A GET that does something has a replay class that says so.
bool AttemptRecorder::may_repeat() const noexcept {
  const config::Policies* policies = exchange_.routed.policies;
  if (policies == nullptr || !policies->replay) return true;
  return *policies->replay != config::Replay::kNever &&
         *policies->replay != config::Replay::kUnsent;
}

void AttemptRecorder::on_failed(const Error& error) {
  enter(exchange_, AttemptStage::kAnswered);
  Attempt& attempt = exchange_.attempts.back();
  attempt.failed = true;
  attempt.code = error.code;
  attempt.phase = error.phase;
  attempt.reason = error.reason;
  attempt.ended = exchange_.loop.now();
}

void AttemptRecorder::on_response(const http::Response& response) {
  enter(exchange_, AttemptStage::kAnswered);
  Attempt& attempt = exchange_.attempts.back();
  attempt.status = response.head.status;
  attempt.phase = Phase::kAnswered;
  attempt.ended = exchange_.loop.now();
}

}  // namespace outrigger::filters
