#include "filters/classify/classify.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "filters/classify/answer_check.h"
#include "filters/classify/array_body.h"
#include "filters/classify/error_body.h"
#include "filters/classify/stream_body.h"

namespace outrigger::filters {
namespace {

// So much of a compressed answer is unpacked to find its usage.
constexpr std::size_t kUsageBytes = 1024 * 1024;

// Endpoints that the cluster could not reach before the last one.
void conclude_unreached(Exchange& exchange, std::size_t first) {
  for (std::size_t i = first; i + 1 < exchange.attempts.size(); ++i) {
    exchange.attempts[i].judged = true;
    exchange.conclude(i, Verdict::kRefusedUnsent);
  }
}

// Judges an answer as it stands, with so much of its body as is there.
Verdict judge_answer(AttemptJudge& judge, const http::ResponseHead& head, std::string_view body,
                     WatchedBody::Held held, std::string_view defect = {}) {
  Evidence evidence;
  evidence.status = head.status;
  evidence.headers = &head.headers;
  evidence.defect = defect;
  std::optional<DecodedBody> decoded;
  evidence.body = body.substr(0, kErrorBodyBytes);
  evidence.body_complete = held == WatchedBody::Held::kAll && evidence.body.size() == body.size();
  if (!is_identity(head.headers)) {
    decoded = decode_bounded(head.headers.get(http::HeaderId::kContentEncoding), evidence.body,
                             kErrorBodyBytes);
    evidence.body = decoded ? std::string_view(decoded->text) : std::string_view{};
    evidence.body_complete = decoded && decoded->complete && evidence.body_complete;
  }
  return judge.judge(evidence);
}

// What a success says of the tokens that it used, for whoever wants to know.
void note_usage(AttemptJudge& judge, const http::ResponseHead& head, std::string_view body) {
  if (!judge.exchange().wants_usage) return;
  if (is_identity(head.headers)) return judge.note_usage(body);
  const auto decoded =
      decode_bounded(head.headers.get(http::HeaderId::kContentEncoding), body, kUsageBytes);
  if (decoded && decoded->complete) judge.note_usage(decoded->text);
}

std::unique_ptr<WatchedBody> watch(const AttemptJudge& judge, http::Response& response,
                                   WatchedBody::Ends ends = WatchedBody::Ends::kPlain) {
  return std::make_unique<WatchedBody>(judge, response.head.status, std::move(response.body), ends);
}

// An answer that is all there, with a verdict that will not change, needs no source any more: its
// connection is free, and another attempt's failure cannot take it away.
void put_back(http::Response& response, std::unique_ptr<WatchedBody> body) {
  if (std::optional<Slice> whole = body->take_whole()) {
    response.body = http::Body(std::move(*whole));
    return;
  }
  const auto length = body->length();
  response.body = http::Body(std::move(body), length);
}

// Whoever reads it must read to its end: that is where it tells whether it is whole.
void watch_array(const AttemptJudge& judge, http::Response& response) {
  response.head.headers.remove(http::HeaderId::kContentLength);
  response.body =
      http::Body(std::make_unique<ArrayBody>(judge, std::move(response.body)), std::nullopt);
}

// What can be told now, and the rest at the end.
void judge_plain(AttemptJudge& judge, http::Response& response, WatchedBody::Ends ends) {
  judge.pass();
  if (response.body.whole() != nullptr) return judge.conclude();
  put_back(response, watch(judge, response, ends));
}

std::string_view words_of(std::string_view defect) noexcept {
  if (defect == "empty_body") return "no body where JSON was due";
  if (defect == "wrong_content_type") return "an HTML page where JSON was due";
  return "a body that is not the JSON that it is said to be";
}

Error broke_off() {
  return {Errc::kClosed, Origin::kUpstream, Phase::kAnswered, "http_response_incomplete",
          "the JSON of the answer lacks its end"};
}

std::unexpected<Error> fail_attempt(AttemptJudge& judge, const Error& error, int status) {
  judge.judge_failure(error, status);
  judge.conclude();
  return std::unexpected(error);
}

// A success that is none must not be taken for one, unless a rule of the route lets it pass.
Result<http::Response> refuse_defect(AttemptJudge& judge, http::Response response,
                                     std::string_view defect) {
  const bool accepted =
      judge_answer(judge, response.head, {}, WatchedBody::Held::kPart, defect) == Verdict::kOk;
  Error error{Errc::kProtocol, Origin::kUpstream, Phase::kAnswered, "invalid_response",
              "the answer has status " + std::to_string(response.head.status) + " and " +
                  std::string(words_of(defect))};
  if (!accepted) judge.note_failure(error);
  judge.conclude();
  if (accepted) return response;
  return std::unexpected(std::move(error));
}

// An answer that is all there.
Result<http::Response> conclude_whole(AttemptJudge& judge, http::Response response,
                                      std::string_view defect) {
  if (defect == "truncated") return fail_attempt(judge, broke_off(), response.head.status);
  if (!defect.empty()) return refuse_defect(judge, std::move(response), defect);
  judge.pass_and_conclude();
  return response;
}

// The same, with its body in memory.
Result<http::Response> conclude_in_memory(AttemptJudge& judge, http::Response response,
                                          std::string_view body) {
  const std::string_view defect = find_defect(response.head.headers, body);
  note_usage(judge, response.head, body);
  return conclude_whole(judge, std::move(response), defect);
}

// An attempt lasts until its answer may go on, or is known to be none.
class Lasting {
 public:
  Lasting(Exchange& exchange, std::size_t index) noexcept : exchange_(exchange), index_(index) {}
  Lasting(const Lasting&) = delete;
  Lasting& operator=(const Lasting&) = delete;
  ~Lasting() { exchange_.attempts[index_].ended = exchange_.loop.now(); }

 private:
  Exchange& exchange_;
  const std::size_t index_;
};

}  // namespace

Task<Result<http::Response>> Classify::handle(Exchange& exchange, Next next) {
  const std::size_t before = exchange.attempts.size();
  Result<http::Response> outcome = co_await next(exchange);
  if (exchange.attempts.size() == before) co_return outcome;
  conclude_unreached(exchange, before);
  const Lasting lasting(exchange, exchange.attempts.size() - 1);
  AttemptJudge judge(exchange, exchange.attempts.size() - 1, classifier_, clock_);
  if (!outcome) {
    judge.judge_failure(outcome.error(), 0);
    judge.conclude();
    co_return outcome;
  }
  const http::ResponseHead& head = outcome->head;
  const AnswerKind kind = answer_kind(exchange.request.head, *outcome, policies_,
                                      classifier_.wants_body(head.status, head.headers));
  if (kind != AnswerKind::kEvents) judge.note_answered(exchange.loop.now());
  switch (kind) {
    case AnswerKind::kPlain:
      judge_plain(judge, *outcome, WatchedBody::Ends::kPlain);
      break;
    case AnswerKind::kArray:
      if (const Slice* whole = outcome->body.whole()) {
        const Slice body = *whole;
        co_return conclude_in_memory(judge, std::move(*outcome), body.view());
      }
      watch_array(judge, *outcome);
      judge_plain(judge, *outcome, WatchedBody::Ends::kPlain);
      break;
    case AnswerKind::kGrpc:
      judge_plain(judge, *outcome, WatchedBody::Ends::kGrpc);
      break;
    case AnswerKind::kWrongType:
      co_return refuse_defect(judge, std::move(*outcome), "wrong_content_type");
    case AnswerKind::kSuspect: {
      const AnswerKind other = answer_kind(exchange.request.head, *outcome, policies_, false);
      co_return co_await judge_suspect(judge, std::move(*outcome), other, *exchange.scope);
    }
    case AnswerKind::kEvents:
      co_return co_await judge_events(judge, std::move(*outcome), *exchange.scope);
    case AnswerKind::kWhole: {
      if (const Slice* whole = outcome->body.whole()) {
        const Slice body = *whole;
        co_return conclude_in_memory(judge, std::move(*outcome), body.view());
      }
      auto body = watch(judge, *outcome);
      co_return co_await judge_whole(judge, std::move(*outcome), std::move(body), *exchange.scope);
    }
  }
  co_return outcome;
}

// An error's verdict is its head's, where the body cannot be read; a success must be whole.
Classify::Outcome Classify::judge_suspect(AttemptJudge judge, http::Response response,
                                          AnswerKind kind, CancelScope& scope) const {
  const http::ResponseHead& head = response.head;
  if (const Slice* whole = response.body.whole()) {
    const bool good =
        judge_answer(judge, head, whole->view(), WatchedBody::Held::kAll) == Verdict::kOk;
    if (good && kind == AnswerKind::kWhole) {
      const Slice body = *whole;
      co_return conclude_in_memory(judge, std::move(response), body.view());
    }
    judge.conclude();
    co_return response;
  }
  auto body = watch(judge, response);
  const Result<WatchedBody::Held> held = co_await body->hold(kErrorBodyBytes, scope);
  if (!held && head.status < 400) co_return fail_attempt(judge, held.error(), head.status);
  const Verdict verdict = judge_answer(judge, head, joined(body->held()).view(),
                                       held.value_or(WatchedBody::Held::kPart));
  if (verdict == Verdict::kOk && kind == AnswerKind::kWhole) {
    co_return co_await judge_whole(judge, std::move(response), std::move(body), scope);
  }
  if (verdict != Verdict::kOk || held == WatchedBody::Held::kAll) judge.conclude();
  put_back(response, std::move(body));
  co_return response;
}

Classify::Outcome Classify::judge_events(AttemptJudge judge, http::Response response,
                                         CancelScope& scope) const {
  const http::StreamFraming framing = stream_framing(response.head);
  EventTimer* timer = std::exchange(judge.exchange().event_timer, nullptr);
  auto body =
      std::make_unique<StreamBody>(judge, response.head.status, std::move(response.body), timer,
                                   stream_dialect(policies_.dialect, framing), framing);
  response.head.headers.remove(http::HeaderId::kContentLength);
  judge.pass();
  const config::Commit& commit = policies_.commit;
  if (commit.until != config::CommitUntil::kHead) {
    const bool all = commit.until == config::CommitUntil::kOnComplete;
    const auto until = all ? StreamBody::Until::kEnd : StreamBody::Until::kFirstEvent;
    const std::uint64_t bytes = all ? commit.max_answer : commit.max_bytes;
    CO_TRY(co_await body->hold(until, bytes, scope));
  }
  response.body = http::Body(std::move(body), std::nullopt);
  co_return response;
}

Classify::Outcome Classify::judge_whole(AttemptJudge judge, http::Response response,
                                        std::unique_ptr<WatchedBody> body,
                                        CancelScope& scope) const {
  const Result<WatchedBody::Held> held = co_await body->hold(policies_.commit.max_answer, scope);
  if (!held) co_return fail_attempt(judge, held.error(), response.head.status);
  judge.pass();
  const bool all = held == WatchedBody::Held::kAll;
  const std::string_view defect = all ? find_defect(response.head.headers, body->held()) : "";
  if (all && judge.exchange().wants_usage) {
    note_usage(judge, response.head, joined(body->held()).view());
  }
  put_back(response, std::move(body));
  if (!all) co_return response;
  co_return conclude_whole(judge, std::move(response), defect);
}

}  // namespace outrigger::filters
