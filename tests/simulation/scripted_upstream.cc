#include "tests/simulation/scripted_upstream.h"

#include <utility>

namespace outrigger::simulation {

using filters::Exchange;

namespace {

Error broken(Errc code, std::string_view reason) {
  return {code, Origin::kUpstream, Phase::kNoConnection, reason, {}};
}

std::string_view content_type(Form form) noexcept {
  switch (form) {
    case Form::kText:
      return "text/plain";
    case Form::kJson:
      return "application/json";
    case Form::kHtml:
      return "text/html";
    case Form::kEvents:
      break;
  }
  return "text/event-stream";
}

// Gives an answer's pieces, and notes what was taken of them.
class AnswerBody final : public http::BodySource {
 public:
  AnswerBody(Dispatcher& loop, Call& call) noexcept : loop_(loop), call_(call) {}
  Task<Result<Slice>> read(CancelScope& scope) override {
    const Answer& answer = call_.answer;
    if (next_ == answer.pieces.size()) {
      if (answer.silent) CO_TRY(co_await SleepFor(loop_, scope, 1000h));
      if (answer.cut) {
        Error error = broken(Errc::kReset, "http_response_incomplete");
        error.phase = Phase::kAnswered;
        co_return std::unexpected(error);
      }
      call_.said_all = true;
      co_return Slice{};
    }
    const Piece& piece = answer.pieces[next_];
    if (piece.after > Duration{0}) CO_TRY(co_await SleepFor(loop_, scope, piece.after));
    ++next_;
    call_.given += piece.bytes.size();
    if (answer.tells_length && next_ == answer.pieces.size()) call_.said_all = true;
    co_return Slice::copy(piece.bytes);
  }
  [[nodiscard]] bool ready() const noexcept override {
    const Answer& answer = call_.answer;
    if (next_ == answer.pieces.size()) return !answer.silent;
    return answer.pieces[next_].after == Duration{0};
  }

 private:
  Dispatcher& loop_;
  Call& call_;
  std::size_t next_ = 0;
};

}  // namespace

ScriptedUpstream::ScriptedUpstream(Dice& dice, Ledger& ledger, Referee& referee,
                                   const config::Upstream& upstream)
    : dice_(dice),
      ledger_(ledger),
      referee_(referee),
      season_(dice.between(10s, 120s)),
      sick_part_(dice.pick({0.0, 0.3, 0.7})),
      usual_(dice.pick({0.05, 0.3, 0.6})),
      quick_(dice.chance(0.5)) {
  for (const config::Endpoint& endpoint : upstream.endpoints) {
    endpoints_.push_back(endpoint.host + ":80");
  }
}

bool ScriptedUpstream::ill(std::size_t endpoint, Dispatcher& loop) {
  const Duration time = loop.now().since_start + season_ * endpoint / 2;
  const bool sick = static_cast<double>((time % season_).count()) <
                    sick_part_ * static_cast<double>(season_.count());
  return dice_.chance(sick ? 0.9 : usual_);
}

// One that was not tried and is not to be avoided; else one that was not tried, unless avoidance is
// strict.
std::optional<std::size_t> ScriptedUpstream::pick(std::uint64_t tried, const Exchange& exchange) {
  for (const std::uint64_t without : {tried | exchange.avoid, tried}) {
    std::vector<std::size_t> left;
    for (std::size_t i = 0; i < endpoints_.size(); ++i) {
      if ((without >> i & 1) == 0) left.push_back(i);
    }
    if (!left.empty()) return left[dice_.between(0, left.size() - 1)];
    if (exchange.avoid_strictly) return std::nullopt;
  }
  return std::nullopt;
}

Task<Result<http::Response>> ScriptedUpstream::handle(Exchange& exchange, filters::Next) {
  Visit& visit = ledger_.of(exchange);
  Call& call = ledger_.calls.emplace_back();
  call.number = ledger_.calls.size();
  call.probing = exchange.probing;
  call.started = exchange.loop.now();
  referee_.call_begins(visit, call, exchange);
  visit.calls.push_back(&call);
  Result<http::Response> outcome =
      fail(Errc::kOverload, Origin::kProxy, "circuit_open", "all endpoints are shut");
  std::uint64_t tried = 0;
  while (const std::optional<std::size_t> chosen = pick(tried, exchange)) {
    tried |= std::uint64_t{1} << *chosen;
    referee_.attempt_begins(visit, exchange);
    outcome = co_await try_endpoint(exchange, visit, call, *chosen);
    const bool unreached = !outcome && outcome.error().phase == Phase::kNoConnection &&
                           outcome.error().origin == Origin::kUpstream;
    if (!unreached || exchange.scope->cancelled()) break;
  }
  ledger_.note(
      "visit {} call {}{}: {}", visit.number, call.number, call.probing ? " probe" : "",
      outcome ? std::to_string(outcome->head.status) : std::string(outcome.error().reason));
  co_return outcome;
}

Task<Result<http::Response>> ScriptedUpstream::try_endpoint(Exchange& exchange, Visit& visit,
                                                            Call& call, std::size_t endpoint) {
  exchange.recorder.on_endpoint(static_cast<std::uint16_t>(endpoint), endpoints_[endpoint]);
  ledger_.note("visit {} call {} to {}", visit.number, call.number, endpoints_[endpoint]);
  const bool is_ill = ill(endpoint, exchange.loop);
  call.phase = Phase::kNoConnection;
  Result<http::Response> outcome = http::Response{};
  Status status = co_await connect(exchange, call, is_ill && dice_.chance(0.2));
  if (status) status = co_await send(exchange, visit, call, is_ill && dice_.chance(0.2));
  if (status) {
    outcome = co_await answer(exchange, visit, call, is_ill);
  } else {
    outcome = std::unexpected(std::move(status).error());
  }
  if (outcome) {
    exchange.recorder.on_response(*outcome);
  } else {
    outcome.error().phase = call.phase;
    exchange.recorder.on_failed(outcome.error());
  }
  co_return outcome;
}

Task<Status> ScriptedUpstream::connect(Exchange& exchange, Call& call, bool ill) {
  const bool reused = dice_.chance(0.5);
  if (!reused) {
    exchange.recorder.on_connecting();
    const Duration takes = ill && dice_.chance(0.3) ? Duration(1min) : dice_.between(0ms, 100ms);
    CO_TRY(co_await SleepFor(exchange.loop, *exchange.scope, takes));
    if (ill) co_return std::unexpected(broken(Errc::kConnect, "connection_refused"));
    exchange.recorder.on_handshaking();
    CO_TRY(co_await SleepFor(exchange.loop, *exchange.scope, dice_.between(0ms, 50ms)));
  }
  exchange.recorder.on_connection(reused);
  exchange.recorder.on_sending();
  call.phase = Phase::kNothingAccepted;
  if (reused && ill) {
    const bool refused = dice_.chance(0.5);
    co_return std::unexpected(
        broken(Errc::kReset, refused ? "stream_refused" : "connection_terminated"));
  }
  co_return Status{};
}

// Takes the request's body, as far as the upstream wants it.
Task<Status> ScriptedUpstream::send(Exchange& exchange, Visit& visit, Call& call, bool ill) {
  std::string sent;
  const std::size_t enough = ill ? dice_.between(0, visit.body.size()) : SIZE_MAX;
  for (;;) {
    Result<Slice> bytes = co_await exchange.request.body.read(*exchange.scope);
    if (!bytes || !bytes->empty()) call.phase = Phase::kPartlyWritten;
    if (!bytes) co_return std::unexpected(std::move(bytes).error());
    if (!call.probing) check_request(visit, sent.append(bytes->view()), bytes->empty());
    if (bytes->empty()) break;
    if (sent.size() >= enough) {
      co_return std::unexpected(broken(Errc::kReset, "connection_terminated"));
    }
  }
  call.phase = Phase::kFullyWritten;
  exchange.recorder.on_request_sent();
  const Duration longest = ill ? Duration(1min) : quick_ ? Duration(100ms) : Duration(5s);
  CO_TRY(co_await SleepFor(exchange.loop, *exchange.scope, dice_.between(0ms, longest)));
  if (ill) co_return std::unexpected(broken(Errc::kReset, "connection_terminated"));
  co_return Status{};
}

// Every attempt gets the client's bytes, from the first one on.
void ScriptedUpstream::check_request(const Visit& visit, std::string_view sent, bool ended) {
  if (!std::string_view(visit.body).starts_with(sent) ||
      (ended && sent.size() != visit.body.size())) {
    ledger_.violation(visit, "the upstream got another request than the client sent");
  }
}

Task<Result<http::Response>> ScriptedUpstream::answer(Exchange& exchange, Visit& visit, Call& call,
                                                      bool ill) {
  AnswerWriter writer(dice_, *visit.policies, tag_of(call.number));
  if (call.probing && !ill) {
    call.answer = writer.success(true);
    if (dice_.chance(0.7)) call.answer.status = 404;
  } else {
    const bool fails = ill && dice_.chance(0.5);
    call.answer = fails ? writer.failure() : writer.success(!ill);
  }
  call.phase = Phase::kAnswered;
  call.answered = true;
  const Answer& answer = call.answer;
  ledger_.note("visit {} call {} says {:?}{}{}{}", visit.number, call.number, answer.text,
               answer.cut ? ", cut" : "", answer.silent ? ", silent" : "",
               answer.in_memory ? ", in memory" : "");
  http::Response response;
  response.head.status = answer.status;
  http::Headers& headers = response.head.headers;
  headers.add("content-type", content_type(answer.form));
  headers.add("x-call", tag_of(call.number));
  if (!answer.retry_after.empty()) headers.add("retry-after", answer.retry_after);
  if (!answer.should_retry.empty()) headers.add("x-should-retry", answer.should_retry);
  if (answer.in_memory) {
    call.given = answer.text.size();
    call.said_all = true;
    response.body = http::Body(Slice::copy(answer.text));
  } else {
    std::optional<std::uint64_t> length;
    if (answer.tells_length) length = answer.text.size();
    if (length == 0) call.said_all = true;
    response.body = http::Body(std::make_unique<AnswerBody>(exchange.loop, call), length);
  }
  co_return response;
}

}  // namespace outrigger::simulation
